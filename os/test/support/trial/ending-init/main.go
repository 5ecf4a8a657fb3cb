// An init that ends at once.
package main

func main() {}
