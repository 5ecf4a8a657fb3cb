package journal

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// followed is a follower that looks when a test says so.
type followed struct {
	*follower
	out bytes.Buffer
}

func follow(t *testing.T) *followed {
	t.Helper()
	f := &followed{}
	f.follower = &follower{dir: t.TempDir(), unit: "kubelet"}
	f.to = bufio.NewWriter(&f.out)
	return f
}

func (f *followed) append(t *testing.T, numbers ...int) {
	t.Helper()
	file, err := os.OpenFile(f.dir+"/kubelet.log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, n := range numbers {
		fmt.Fprintln(file, line("2026-07-01T12:00:00.000Z", float64(n), "kubelet", fmt.Sprint("line ", n)))
	}
}

func (f *followed) rotate(t *testing.T) {
	t.Helper()
	if err := os.Rename(f.dir+"/kubelet.log", f.dir+"/kubelet.log.1"); err != nil {
		t.Fatal(err)
	}
}

// seen looks once, and returns the numbers of the lines that were printed since.
func (f *followed) seen(t *testing.T) (numbers []int) {
	t.Helper()
	if err := f.look(); err != nil {
		t.Fatal(err)
	}
	for text := range strings.Lines(f.out.String()) {
		n := -1
		if _, err := fmt.Sscanf(text, "2026-07-01T12:00:00.000Z %d.000 line %d\n", &n, &n); err != nil && !strings.HasPrefix(text, "-- ") {
			t.Errorf("%q", text)
		}
		numbers = append(numbers, n)
	}
	f.out.Reset()
	return numbers
}

func TestAFollowerPrintsEachLineOnceOverRotations(t *testing.T) {
	f := follow(t)
	if got := f.seen(t); got != nil { // before the writer
		t.Errorf("%v", got)
	}
	f.append(t, 1, 2)
	f.rotate(t)
	f.append(t, 3)
	for i, step := range []struct {
		do   func()
		want []int
	}{
		{func() {}, []int{1, 2, 3}},
		{func() {}, nil},
		{func() { f.append(t, 4) }, []int{4}},
		{func() { f.append(t, 5); f.rotate(t); f.append(t, 6, 7) }, []int{5, 6, 7}},
		{func() { f.append(t, 8); f.rotate(t) }, []int{8}}, // between the rotation's two steps
		{func() {}, nil},
		{func() { f.append(t, 9) }, []int{9}},
		{func() { f.append(t, 10); f.rotate(t); f.append(t, 11); f.rotate(t); f.append(t, 12) }, []int{10, -1, 11, 12}},
		{func() { f.append(t, 13) }, []int{13}},
	} {
		step.do()
		if got := f.seen(t); !slices.Equal(got, step.want) {
			t.Errorf("step %d: %v, want %v", i, got, step.want)
		}
	}
}

func TestAReaderThatStartsAgainBeginsAtTheBeginning(t *testing.T) {
	first := follow(t)
	first.append(t, 1, 2)
	first.rotate(t)
	first.append(t, 3)
	first.seen(t)
	second := follow(t)
	second.dir = first.dir
	if got := second.seen(t); !slices.Equal(got, []int{1, 2, 3}) {
		t.Errorf("%v", got)
	}
}

func TestALineIsPrintedWhenItIsWhole(t *testing.T) {
	f := follow(t)
	text := line("2026-07-01T12:00:00.000Z", 1, "kubelet", "line 1") + "\n"
	file, err := os.Create(f.dir + "/kubelet.log")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	file.WriteString(text[:20])
	if got := f.seen(t); got != nil {
		t.Errorf("%v", got)
	}
	file.WriteString(text[20:])
	if got := f.seen(t); !slices.Equal(got, []int{1}) {
		t.Errorf("%v", got)
	}
}

func TestAnEventIsPrintedAsItIs(t *testing.T) {
	f := follow(t)
	event := `{"t":"2026-07-01T12:00:00.000Z","up":1,"lvl":"info","agent":"init","ev":"x"}` + "\n"
	if err := os.WriteFile(f.dir+"/kubelet.log", []byte(event), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := f.look(); err != nil || f.out.String() != event {
		t.Errorf("%q %v", f.out.String(), err)
	}
}

func TestAFollowerEndsWhenItIsTold(t *testing.T) {
	f := follow(t)
	f.append(t, 1)
	until, stop := context.WithCancel(context.Background())
	ticks := make(chan time.Time)
	done := make(chan error, 1)
	go func() { done <- f.run(until, ticks) }()
	ticks <- time.Now()
	stop()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it goes on")
	}
}

func TestAFollowerOfSomethingElseFails(t *testing.T) {
	f := follow(t)
	if err := unix.Mkfifo(f.dir+"/kubelet.log", 0o644); err != nil {
		t.Fatal(err)
	}
	if err := f.look(); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Error(err)
	}
	for _, args := range [][]string{nil, {"x"}, {"kubelet", "init"}, {"../kubelet"}, {"--help"}} {
		var out, errOut bytes.Buffer
		if code := Follow(args, &out, &errOut); code != exitUsage || errOut.Len() == 0 {
			t.Errorf("%q: %d", args, code)
		}
	}
}
