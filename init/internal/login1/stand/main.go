// Command stand serves login1 on the socket that it is given, to any process, for tests with kubelet's own code.
// SIGUSR1 begins a stop, of which it writes the outcome, and SIGUSR2 calls it off. With the word `grace` it writes the
// seconds that init reads from a log of kubelet on its standard input.
package main

import (
	"bufio"
	"fmt"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/kubelet"
	"kios.dev/init/internal/login1"
)

const patience = 2 * time.Minute

func main() {
	if os.Args[1] == "grace" {
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			if period, found := kubelet.GracePeriod(lines.Bytes()); found {
				fmt.Println(int(period.Seconds()))
			}
		}
		return
	}
	orders := make(chan os.Signal, 8)
	signal.Notify(orders, unix.SIGUSR1, unix.SIGUSR2)
	server, err := login1.Listen(os.Args[1], func(int) bool { return true }, func() { fmt.Println("too long") })
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("listening")
	for order := range orders {
		if order == unix.SIGUSR2 {
			server.Withdraw()
			fmt.Println("withdrawn")
			continue
		}
		start := time.Now()
		server.Prepare()
		go func() { fmt.Println("outcome", server.Await(patience, nil), time.Since(start).Milliseconds()) }()
	}
}
