// Command stand serves login1 on the socket that it is given, to any process, for tests with kubelet's own code. Each
// line of its standard input is an order; it writes what came of it.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"time"

	"kios.dev/init/internal/login1"
)

func main() {
	server, err := login1.Listen(os.Args[1], func(int) bool { return true }, func() { fmt.Println("too long") })
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("listening")
	for orders := bufio.NewScanner(os.Stdin); orders.Scan(); {
		switch order, limit, _ := strings.Cut(orders.Text(), " "); order {
		case "prepare":
			server.Prepare()
			fmt.Println("prepared")
		case "withdraw":
			server.Withdraw()
			fmt.Println("withdrawn")
		case "await":
			patience, err := time.ParseDuration(limit)
			if err != nil {
				fmt.Println(err)
				continue
			}
			start := time.Now()
			outcome := server.Await(patience, nil)
			fmt.Println("outcome", outcome, time.Since(start).Milliseconds())
		}
	}
}
