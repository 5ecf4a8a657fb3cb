package attest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/tpm"
)

type toldLog struct{ events []string }

func (l *toldLog) Info(event string, _ ...any) { l.events = append(l.events, event) }

// vectors returns the replies that both sides know: a report and a refusal.
func vectors(t *testing.T) (all []Reply) {
	t.Helper()
	text, err := os.ReadFile("../../../packages/host-api/vectors/attest.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &all); err != nil || len(all) != 2 {
		t.Fatalf("%d vectors, %v", len(all), err)
	}
	return all
}

// ask sends bytes to a server as a client does, and returns its line.
func ask(t *testing.T, s *Server, bound []byte) (r Reply) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "socket")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		if conn, err := listener.Accept(); err == nil {
			s.Serve(conn)
			conn.Close()
		}
	}()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	conn.Write(bound)
	conn.(*net.UnixConn).CloseWrite()
	line, err := bufio.NewReader(conn).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(line, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func serverOf(t *testing.T, quote func([]byte) (tpm.Quote, error), events []byte) (*Server, *toldLog) {
	t.Helper()
	log := &toldLog{}
	s := NewServer(quote, log)
	s.logFile = filepath.Join(t.TempDir(), "log")
	if events != nil {
		if err := os.WriteFile(s.logFile, events, 0o400); err != nil {
			t.Fatal(err)
		}
	}
	return s, log
}

func TestRepliesHaveTheFormOfTheVectors(t *testing.T) {
	known := vectors(t)
	var bound []byte
	s, log := serverOf(t, func(b []byte) (tpm.Quote, error) { bound = b; return known[0].Quote, nil }, known[0].Log)
	if r := ask(t, s, []byte("a key")); !reflect.DeepEqual(r, known[0]) || string(bound) != "a key" {
		t.Errorf("%+v for %q", r, bound)
	}
	ask(t, s, []byte("a key"))
	if len(log.events) != 1 {
		t.Errorf("the key is told %d times", len(log.events))
	}
	s, _ = serverOf(t, func([]byte) (tpm.Quote, error) { return tpm.Quote{}, tpm.ErrSilent }, nil)
	if r := ask(t, s, []byte("a key")); !reflect.DeepEqual(r, known[1]) {
		t.Errorf("%+v", r)
	}
}

func TestNothingIsQuotedThatCannotBeReported(t *testing.T) {
	quote := func([]byte) (tpm.Quote, error) { return vectors(t)[0].Quote, nil }
	for name, c := range map[string]struct {
		bound, events []byte
		says          string
	}{
		"nothing to bind":     {nil, []byte("log"), "0 bytes"},
		"too much to bind":    {bytes.Repeat([]byte("a"), mostBound+1), []byte("log"), "1025 bytes"},
		"no list of firmware": {[]byte("a key"), nil, "has left no list"},
		"a list of more":      {[]byte("a key"), make([]byte, mostLog+1), "more than 1048576 bytes"},
	} {
		s, log := serverOf(t, quote, c.events)
		r := ask(t, s, c.bound)
		if r.Quoted || r.Report != nil || r.Code != fault.Attest || !strings.Contains(r.Cause, c.says) || len(log.events) != 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
	s, _ := serverOf(t, func([]byte) (tpm.Quote, error) { return tpm.Quote{}, errors.New("x") }, []byte("log"))
	s.turn <- struct{}{} // somebody else's
	go func() { time.Sleep(20 * time.Millisecond); <-s.turn }()
	if r := ask(t, s, []byte("a key")); r.Quoted || !strings.HasSuffix(r.Cause, ": x") {
		t.Errorf("%+v", r)
	}
}
