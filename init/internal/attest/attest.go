// Package attest serves quotes of the machine's TPM, by which a node proves to others what it has started.
package attest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/hostapi"
	"kios.dev/init/internal/tpm"
)

// Socket is the path of the socket below /run.
const Socket = "kios/control/attest.sock"

// LogFile has what firmware and the stub have measured, as the kernel was given it.
const LogFile = "/sys/kernel/security/tpm0/binary_bios_measurements"

const (
	// mostLog is several times what firmware leaves.
	mostLog = 1 << 20
	// mostBound is more than any public key has.
	mostBound = 1024
	// turnPatience is how long a client waits for those before it: a TPM replies within a second.
	turnPatience = 30 * time.Second
	// clientPatience is how long a client has to say what the quote is bound to, and to read the reply.
	clientPatience = 5 * time.Second
)

// Log is the part of the event log that quotes need.
type Log interface {
	Info(event string, fields ...any)
}

// Server makes quotes, one after the other.
type Server struct {
	quote   func(bound []byte) (tpm.Quote, error)
	logFile string
	log     Log
	turn    chan struct{}
	isTold  bool
}

// NewServer returns the server of a node.
func NewServer(quote func(bound []byte) (tpm.Quote, error), log Log) *Server {
	return &Server{quote: quote, logFile: LogFile, log: log, turn: make(chan struct{}, 1)}
}

// Reply is the one line that a client gets.
type Reply struct {
	V      int  `json:"v"`
	Quoted bool `json:"quoted"`
	*Report
	Code   string `json:"code,omitempty"`
	Cause  string `json:"cause,omitempty"`
	Remedy string `json:"remedy,omitempty"`
}

// Report is a quote with the list of what was measured.
type Report struct {
	tpm.Quote
	Log []byte `json:"log"`
}

// Serve reads what the quote is to be bound to, until the client closes its half, and sends one line.
func (s *Server) Serve(conn net.Conn) {
	conn.SetReadDeadline(time.Now().Add(clientPatience))
	bound, err := io.ReadAll(io.LimitReader(conn, mostBound+1))
	if err != nil {
		return
	}
	if len(bound) == 0 || len(bound) > mostBound {
		refuse(conn, fmt.Errorf("it is to be bound to %d bytes, and may be to between 1 and %d", len(bound), mostBound))
		return
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-time.After(turnPatience):
		refuse(conn, errors.New("others ask the TPM all the time"))
		return
	}
	report, err := s.report(bound)
	if err != nil {
		refuse(conn, err)
		return
	}
	hostapi.Reply(conn, Reply{V: 1, Quoted: true, Report: &report}, clientPatience)
}

func (s *Server) report(bound []byte) (Report, error) {
	quote, err := s.quote(bound)
	if err != nil {
		return Report{}, err
	}
	events, err := readLog(s.logFile)
	if err != nil {
		return Report{}, err
	}
	if !s.isTold { // once a boot: a person compares it with the list of machines
		s.isTold = true
		s.log.Info("attest.key", "key", quote.Name())
	}
	return Report{quote, events}, nil
}

func readLog(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("the firmware has left no list of what it measured: %w", err)
	}
	defer file.Close()
	events, err := io.ReadAll(io.LimitReader(file, mostLog+1))
	if err != nil {
		return nil, err
	}
	if len(events) > mostLog {
		return nil, fmt.Errorf("the firmware's list of what it measured has more than %d bytes", mostLog)
	}
	return events, nil
}

func refuse(conn net.Conn, err error) {
	f := fault.New(fault.Attest, "have the TPM prove what was started", "Turn the TPM on in the firmware's menu, and build with --pcr-key (docs/attestation.md).", err)
	errors.As(err, &f)
	hostapi.Reply(conn, Reply{V: 1, Code: f.Code, Cause: f.Error(), Remedy: f.Remedy}, clientPatience)
}
