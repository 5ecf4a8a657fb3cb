package watchdog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// The frames of HTTP/2 that matter here (RFC 9113, section 6).
const (
	frameData    = 0
	frameHeaders = 1
	frameReset   = 3
	frameGoAway  = 7

	flagEndStream = 0x1

	largestFrame = 16 << 10
	mostFrames   = 64
)

// request is all that a client sends to call the Version method of a container runtime by gRPC. It is written here
// byte by byte, because a library for gRPC is as large as init.
var request = makeRequest("/runtime.v1.RuntimeService/Version")

func makeRequest(method string) []byte {
	text := func(s string) []byte { return append([]byte{byte(len(s))}, s...) }
	// RFC 7541: names by their number in the static table, values as they are.
	block := []byte{0x83, 0x86} // :method POST, :scheme http
	block = append(append(block, 0x04), text(method)...)
	block = append(append(block, 0x01), text("localhost")...)
	block = append(append(block, 0x0f, 0x10), text("application/grpc")...)
	block = append(append(append(block, 0x00), text("te")...), text("trailers")...)

	all := []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	all = append(all, frame(4, 0, 0, nil)...)                          // no settings
	all = append(all, frame(frameHeaders, 0x4, 1, block)...)           // END_HEADERS
	return append(all, frame(frameData, flagEndStream, 1, message)...) // an empty message
}

// message is gRPC's prefix of a message without fields: not compressed, of no bytes.
var message = make([]byte, 5)

func frame(kind, flags byte, stream uint32, payload []byte) []byte {
	head := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags}
	return append(binary.BigEndian.AppendUint32(head, stream), payload...)
}

// Ask asks the container runtime that listens on a socket for its version, and returns nil when it replies within
// limit. A connection alone proves nothing: the kernel accepts it for a stopped process too.
func Ask(socket string, limit time.Duration) error {
	deadline := time.Now().Add(limit)
	conn, err := net.DialTimeout("unix", socket, limit)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	if _, err := conn.Write(request); err != nil {
		return err
	}
	return readReply(conn)
}

// readReply reads frames until one has a message of the reply.
func readReply(from io.Reader) error {
	var head [9]byte
	for range mostFrames {
		if _, err := io.ReadFull(from, head[:]); err != nil {
			return err
		}
		length := int64(head[0])<<16 | int64(head[1])<<8 | int64(head[2])
		kind, flags, stream := head[3], head[4], binary.BigEndian.Uint32(head[5:])&0x7fffffff
		switch {
		case length > largestFrame:
			return fmt.Errorf("it sent a frame of %d bytes", length)
		case kind == frameData && stream == 1 && length >= int64(len(message)):
			return nil
		case kind == frameHeaders && stream == 1 && flags&flagEndStream != 0:
			return errors.New("it refused the request")
		case kind == frameReset && stream == 1, kind == frameGoAway:
			return errors.New("it ended the request")
		}
		if _, err := io.CopyN(io.Discard, from, length); err != nil {
			return err
		}
	}
	return errors.New("it sent no reply")
}
