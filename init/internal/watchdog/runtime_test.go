package watchdog

import (
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// serve runs Go's own HTTP/2 server, which reads the request as any server of gRPC does.
func serve(t *testing.T, handler http.HandlerFunc) string {
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler, Protocols: new(http.Protocols)}
	server.Protocols.SetUnencryptedHTTP2(true)
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return socket
}

func TestARuntimeThatRepliesAnswers(t *testing.T) {
	asked := make(chan string, 1)
	socket := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked <- strings.Join([]string{r.Method, r.Host, r.URL.Path, r.Header.Get("Content-Type"), r.Header.Get("Te"), string(body)}, " ")
		w.Header().Set("Content-Type", "application/grpc")
		w.Write([]byte{0, 0, 0, 0, 2, 0x0a, 0})
	})
	if err := Ask(socket, 5*time.Second); err != nil {
		t.Error(err)
	}
	if got := <-asked; got != "POST localhost /runtime.v1.RuntimeService/Version application/grpc trailers \x00\x00\x00\x00\x00" {
		t.Errorf("%q", got)
	}
}

func TestARuntimeThatRefusesDoesNotAnswer(t *testing.T) {
	socket := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Grpc-Status", "14")
	})
	if err := Ask(socket, 5*time.Second); err == nil || err.Error() != "it refused the request" {
		t.Error(err)
	}
}

// The kernel takes connections and bytes for a process that is stopped.
func TestAStoppedRuntimeDoesNotAnswerInTime(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	start := time.Now()
	if err := Ask(socket, 100*time.Millisecond); err == nil || time.Since(start) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
}

func TestNobodyListens(t *testing.T) {
	if err := Ask(filepath.Join(t.TempDir(), "s"), time.Second); err == nil {
		t.Error("somebody answered")
	}
}

func TestAnyOtherBytesAreNoAnswer(t *testing.T) {
	settings := string(frame(4, 0, 0, nil))
	for name, bytes := range map[string]string{
		"nothing":               "",
		"half a head":           "\x00\x00",
		"a frame without end":   "\xff\xff\xff\x00\x00\x00\x00\x00\x01",
		"a cut frame":           "\x00\x00\x09\x04\x00\x00\x00\x00\x00abc",
		"another stream's data": string(frame(frameData, 0, 3, message)),
		"too short a message":   string(frame(frameData, 0, 1, message[:4])),
		"a reset":               settings + string(frame(frameReset, 0, 1, message[:4])),
		"a farewell":            settings + string(frame(frameGoAway, 0, 0, message)),
		"settings without end":  strings.Repeat(settings, mostFrames+1),
	} {
		if err := readReply(strings.NewReader(bytes)); err == nil {
			t.Errorf("%s: taken for an answer", name)
		}
	}
}

func FuzzReply(f *testing.F) {
	f.Add(frame(frameData, 0, 1, message))
	f.Fuzz(func(t *testing.T, bytes []byte) { readReply(strings.NewReader(string(bytes))) })
}
