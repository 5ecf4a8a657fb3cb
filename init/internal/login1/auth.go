package login1

import (
	"bufio"
	"encoding/hex"
	"errors"
	"io"
	"strconv"
	"strings"
)

// maxLines and maxLine bound what a client may send before the first message. godbus sends five lines.
const (
	maxLines = 32
	maxLine  = 512
)

var errAuth = errors.New("the client does not authenticate")

// authenticate speaks the server's part of D-Bus' authentication ("Authentication Protocol") with the one mechanism
// EXTERNAL: the client is who the kernel says it is. Nothing behind the line BEGIN is read.
func authenticate(from *bufio.Reader, to io.Writer, uid uint32, guid string) error {
	if first, err := from.ReadByte(); err != nil || first != 0 {
		return errors.Join(errAuth, err)
	}
	a := handshake{identity: strconv.FormatUint(uint64(uid), 10), guid: guid}
	for range maxLines {
		line, err := readLine(from)
		if err != nil {
			return err
		}
		reply := a.answer(line)
		if a.begun {
			return nil
		}
		if _, err := io.WriteString(to, reply+"\r\n"); err != nil {
			return err
		}
	}
	return errAuth
}

// readLine returns a line without its end.
func readLine(from *bufio.Reader) (string, error) {
	var line []byte
	for len(line) < maxLine {
		next, err := from.ReadByte()
		if err != nil {
			return "", err
		}
		if line = append(line, next); next == '\n' {
			return strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r"), nil
		}
	}
	return "", errAuth
}

type handshake struct {
	identity, guid       string
	asked, agreed, begun bool // asked: the client owes its identity
}

func (a *handshake) answer(line string) string {
	command, rest, _ := strings.Cut(line, " ")
	switch {
	case command == "AUTH" && !a.agreed:
		return a.start(rest)
	case command == "DATA" && a.asked:
		return a.identify(rest)
	case command == "NEGOTIATE_UNIX_FD" && a.agreed:
		return "AGREE_UNIX_FD"
	case command == "BEGIN" && a.agreed:
		a.begun = true
		return ""
	case command == "CANCEL" || command == "ERROR":
		return a.reject()
	}
	return "ERROR"
}

func (a *handshake) start(words string) string {
	mechanism, identity, hasIdentity := strings.Cut(words, " ")
	if mechanism != "EXTERNAL" {
		return a.reject()
	}
	if !hasIdentity {
		a.asked = true
		return "DATA"
	}
	return a.identify(identity)
}

// identify takes an identity in hexadecimal digits, or none, which is that of the kernel.
func (a *handshake) identify(digits string) string {
	identity, err := hex.DecodeString(digits)
	if err != nil || len(identity) > 0 && string(identity) != a.identity {
		return a.reject()
	}
	a.asked, a.agreed = false, true
	return "OK " + a.guid
}

func (a *handshake) reject() string {
	a.asked, a.agreed = false, false
	return "REJECTED EXTERNAL"
}
