// SPDX-License-Identifier: Apache-2.0
// A static Go program: prints how long the lines of its input are in all, and exits with 9.
package main

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
)

func main() {
	if len(os.Args) > 1 {
		fmt.Println(http.ListenAndServe(os.Args[1], nil)) // it is here for its size
	}
	length, done := 0, make(chan int)
	go func() {
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			length += len(lines.Text())
		}
		done <- length
	}()
	fmt.Println(<-done, http.StatusText(404))
	os.Exit(9)
}
