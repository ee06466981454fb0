// SPDX-License-Identifier: Apache-2.0
// Go channels between goroutines of one process: the semantic model. The same
// command line, workloads, checks and report as the C peers. 64 byte messages
// travel by value; larger ones as a slice that the sender copied afresh.
package main

import (
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"runtime"
	"sort"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

type msg64 [64]byte

var (
	workload = flag.String("w", "T", "L T F X")
	payload  = flag.Int("s", 64, "payload")
	capacity = flag.Int("v", 0, "capacity of the channels")
	name     = flag.String("n", "go", "name in the report")
	reps     = flag.Int("r", 3, "repetitions")
	window   = flag.Float64("d", .6, "seconds")
	oneCPU   = flag.Bool("1", false, "run on one CPU")
)

type slot struct {
	n, sum uint64
	_      [112]byte
}

func tail(seq uint64, prod int) uint64 { return (seq+1)*0x9E3779B97F4A7C15 ^ uint64(prod+77)<<40 }

func stamp(b []byte, prod int, seq uint64) {
	binary.LittleEndian.PutUint64(b, seq)
	binary.LittleEndian.PutUint64(b[8:], uint64(prod))
	binary.LittleEndian.PutUint64(b[len(b)-8:], tail(seq, prod))
}

// check returns producer and sequence number of an intact message.
func check(b []byte) (int, uint64) {
	seq, prod := binary.LittleEndian.Uint64(b), int(binary.LittleEndian.Uint64(b[8:]))
	if len(b) != *payload || binary.LittleEndian.Uint64(b[len(b)-8:]) != tail(seq, prod) {
		die("content is wrong")
	}
	for i := 16 + 8*int(seq%4); i < len(b)-8; i += 64 { // a word of every cache line
		if binary.LittleEndian.Uint64(b[i:]) != uint64(i)*0x9E3779B97F4A7C15 {
			die("content is wrong")
		}
	}
	return prod, seq
}
func pattern(b []byte) []byte {
	for i := 0; i < len(b); i += 8 {
		binary.LittleEndian.PutUint64(b[i:], uint64(i)*0x9E3779B97F4A7C15)
	}
	return b
}
func die(why string) { fmt.Fprintln(os.Stderr, "FAILED", *name, *workload, why); os.Exit(1) }

func cpu() float64 {
	var r syscall.Rusage
	syscall.Getrusage(0, &r)
	return float64(r.Utime.Sec+r.Stime.Sec)*1e6 + float64(r.Utime.Usec+r.Stime.Usec)
}

type result map[string]float64

func measure[T any](pack func([]byte) T, unpack func(*T) []byte) result {
	nprod, ncons, nqueue := 1, 1, 1
	switch *workload {
	case "F":
		nprod, ncons = 4, 4
	case "X":
		nprod, nqueue = 8, 8
	case "L":
		nqueue = 2
	}
	var q [8]chan T
	for i := 0; i < nqueue; i++ {
		q[i] = make(chan T, *capacity)
	}
	var sent, got [8]slot
	var stop, measuring int32
	var prods, conss sync.WaitGroup
	var rtts []float64

	produce := func(id int) {
		defer prods.Done()
		m, ch := pattern(make([]byte, *payload)), q[id%nqueue]
		for seq := uint64(0); atomic.LoadInt32(&stop) == 0; seq++ {
			stamp(m, id, seq)
			ch <- pack(m)
			sent[id].n++
			sent[id].sum += tail(seq, id)
		}
	}
	consume := func(id int) {
		defer conss.Done()
		var next [8]uint64
		take := func(m *T) {
			prod, seq := check(unpack(m))
			if ncons == 1 && seq != next[prod] || seq < next[prod] {
				die("order")
			}
			next[prod] = seq + 1
			got[id].sum += tail(seq, prod)
			atomic.StoreUint64(&got[id].n, got[id].n+1)
		}
		if nqueue == 1 {
			for m := range q[0] {
				take(&m)
			}
			return
		}
		for open := 8; open > 0; {
			var m T
			var ok bool
			var i int
			select {
			case m, ok = <-q[0]:
				i = 0
			case m, ok = <-q[1]:
				i = 1
			case m, ok = <-q[2]:
				i = 2
			case m, ok = <-q[3]:
				i = 3
			case m, ok = <-q[4]:
				i = 4
			case m, ok = <-q[5]:
				i = 5
			case m, ok = <-q[6]:
				i = 6
			case m, ok = <-q[7]:
				i = 7
			}
			if ok {
				take(&m)
			} else {
				q[i] = nil // a closed channel is left out from now on
				open--
			}
		}
	}
	ping := func() {
		defer prods.Done()
		m := pattern(make([]byte, *payload))
		for seq := uint64(0); atomic.LoadInt32(&stop) == 0; seq++ {
			stamp(m, 0, seq)
			t := time.Now()
			q[0] <- pack(m)
			r := <-q[1]
			d := time.Since(t)
			if _, s := check(unpack(&r)); s != seq {
				die("order")
			}
			if atomic.LoadInt32(&measuring) == 1 {
				rtts = append(rtts, float64(d)/1e3)
			}
			sent[0].n++
			atomic.StoreUint64(&got[0].n, got[0].n+1)
		}
	}
	pong := func() {
		defer conss.Done()
		for m := range q[0] {
			check(unpack(&m))
			q[1] <- m
		}
	}
	total := func(s *[8]slot) (n uint64) {
		for i := range s {
			n += atomic.LoadUint64(&s[i].n)
		}
		return
	}
	if *workload == "L" {
		prods.Add(1)
		conss.Add(1)
		go pong()
		go ping()
	} else {
		prods.Add(nprod)
		conss.Add(ncons)
		for i := 0; i < ncons; i++ {
			go consume(i)
		}
		for i := 0; i < nprod; i++ {
			go produce(i)
		}
	}
	time.Sleep(150 * time.Millisecond)
	n, c, t := total(&got), cpu(), time.Now()
	atomic.StoreInt32(&measuring, 1)
	time.Sleep(time.Duration(*window * 1e9))
	atomic.StoreInt32(&measuring, 0)
	n, c = total(&got)-n, cpu()-c
	s := time.Since(t).Seconds()
	atomic.StoreInt32(&stop, 1)
	prods.Wait()
	closing := q // the selecting consumer changes q
	for i := 0; i < nqueue; i++ {
		close(closing[i])
	}
	conss.Wait()
	var a, b uint64
	for i := range sent {
		a += sent[i].sum
		b += got[i].sum
	}
	if n == 0 || total(&sent) != total(&got) || a != b {
		die("lost or duplicated messages")
	}
	if *workload == "L" {
		sort.Float64s(rtts)
		return result{"rtt_us_p50": rtts[len(rtts)/2], "rtt_us_p99": rtts[len(rtts)*99/100], "rtt_us_max": rtts[len(rtts)-1],
			"roundtrips_per_s": float64(n) / s, "cpu_us_per_roundtrip": c / float64(n)}
	}
	return result{"msgs_per_s": float64(n) / s, "mb_per_s": float64(n) * float64(*payload) / s / 1e6, "cpu_us_per_msg": c / float64(n)}
}

func main() {
	flag.Parse()
	if *oneCPU {
		runtime.GOMAXPROCS(1)
	}
	all := map[string][]float64{}
	for i := 0; i < *reps; i++ {
		var r result
		if *payload == 64 {
			r = measure(func(b []byte) msg64 { return *(*msg64)(b) }, func(m *msg64) []byte { return m[:] })
		} else {
			r = measure(func(b []byte) []byte { return append([]byte(nil), b...) }, func(m *[]byte) []byte { return *m })
		}
		for k, v := range r {
			all[k] = append(all[k], v)
		}
	}
	for k, v := range all {
		sort.Float64s(v)
		fmt.Printf(`{"system":"%s","workload":"%s","payload":%d,"depth":1,"metric":"%s","value":%.6g,"min":%.6g,"max":%.6g,"reps":%d,"cpus":%d}`+"\n",
			*name, *workload, *payload, k, v[len(v)/2], v[0], v[len(v)-1], *reps, runtime.GOMAXPROCS(0))
	}
}
