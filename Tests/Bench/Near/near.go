// SPDX-License-Identifier: Apache-2.0

// What Near.swift measures, with Go's own channels.
package main

import (
	"fmt"
	"os"
	"sort"
	"strconv"
	"syscall"
	"time"
)

func stream(size, count int) int {
	channel := make(chan int, size)
	go func() {
		for number := 1; number <= count; number++ {
			channel <- number
		}
		close(channel)
	}()
	sum := 0
	for number := range channel {
		sum += number
	}
	return sum
}

func roundTrip(count int) int {
	there, back := make(chan int), make(chan int)
	go func() {
		for number := range there {
			back <- number
		}
	}()
	sum := 0
	for number := 1; number <= count; number++ {
		there <- number
		sum += <-back
	}
	close(there)
	return sum
}

func selectOfTwo(count int) int {
	left, right := make(chan int, 64), make(chan int, 64)
	fill := func(channel chan int, first, last int) {
		for number := first; number <= last; number++ {
			channel <- number
		}
	}
	go fill(left, 1, count/2)
	go fill(right, count/2+1, count)
	sum := 0
	for received := 0; received < count; received++ {
		select {
		case number := <-left:
			sum += number
		case number := <-right:
			sum += number
		}
	}
	return sum
}

func cpu() time.Duration {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func measure(what string, count int, body func() int) {
	var walls, cpus []time.Duration
	for repetition := 0; repetition < 5; repetition++ {
		start, used := time.Now(), cpu()
		if body() != count*(count+1)/2 {
			fmt.Println("go", what, ": the sum is wrong")
			os.Exit(1)
		}
		walls, cpus = append(walls, time.Since(start)), append(cpus, cpu()-used)
	}
	for _, times := range [][]time.Duration{walls, cpus} {
		sort.Slice(times, func(i, j int) bool { return times[i] < times[j] })
	}
	fmt.Printf("go\t%s\t%d\t%d\n", what, walls[2].Nanoseconds()/int64(count), cpus[2].Nanoseconds()/int64(count))
}

func main() {
	count := 300000
	if len(os.Args) > 1 {
		count, _ = strconv.Atoi(os.Args[1])
	}
	for _, size := range []int{0, 1, 1024} {
		measure(fmt.Sprintf("stream %d", size), count, func() int { return stream(size, count) })
	}
	measure("round trip", count, func() int { return roundTrip(count) })
	measure("select of 2", count, func() int { return selectOfTwo(count) })
}
