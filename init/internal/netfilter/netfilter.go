// Package netfilter sends the kernel requests about packet filtering and tracked connections by netlink
// (linux/netfilter/nfnetlink.h).
package netfilter

import (
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	familyHead = 4 // struct nfgenmsg
	dumpIntr   = 0x10
	patience   = 10 * time.Second
)

// ErrChanged says that what was listed changed meanwhile. The caller may try again.
var ErrChanged = errors.New("the kernel's list changed while it was read")

// Request is one message to a subsystem.
type Request struct {
	Subsystem  uint8
	Message    uint8
	Flags      uint16 // beside NLM_F_REQUEST
	Family     uint8
	Attributes [][]byte
}

// Do sends a request and waits for its acknowledgement. An error is the kernel's, as a syscall.Errno.
func Do(r Request) error {
	r.Flags |= unix.NLM_F_ACK
	_, err := exchange(encode(r, 1), 1)
	return err
}

// List sends a request whose reply is a list, and returns the attributes of each part.
func List(r Request) ([][]byte, error) {
	r.Flags |= unix.NLM_F_DUMP
	return exchange(encode(r, 1), 1)
}

// Generation returns the number that the kernel gives nf_tables anew with each change.
func Generation() (uint32, error) {
	r := Request{Subsystem: unix.NFNL_SUBSYS_NFTABLES, Message: unix.NFT_MSG_GETGEN, Flags: unix.NLM_F_ACK}
	parts, err := exchange(encode(r, 1), 1)
	if err != nil {
		return 0, err
	}
	for _, part := range parts {
		for kind, data := range Attributes(part) {
			if kind == unix.NFTA_GEN_ID && len(data) == 4 {
				return binary.BigEndian.Uint32(data), nil
			}
		}
	}
	return 0, fmt.Errorf("read the generation of nf_tables: %w", unix.EBADMSG)
}

// Commit sends requests to nf_tables that take effect together or not at all. It fails with ERESTART where the
// generation is no longer the given one: somebody has changed what the requests were made for.
func Commit(requests []Request, generation uint32) error {
	batch := batchMark(unix.NFNL_MSG_BATCH_BEGIN, 0, Number(unix.NFNL_BATCH_GENID, generation))
	last := uint32(len(requests))
	for i, r := range requests {
		if i == len(requests)-1 {
			r.Flags |= unix.NLM_F_ACK
		}
		batch = append(batch, encode(r, uint32(i+1))...)
	}
	_, err := exchange(append(batch, batchMark(unix.NFNL_MSG_BATCH_END, last+1)...), last)
	return err
}

func encode(r Request, sequence uint32) []byte {
	head := header(uint16(r.Subsystem)<<8|uint16(r.Message), r.Flags, r.Family, 0, sequence)
	return withAttributes(head, r.Attributes...)
}

func batchMark(kind uint16, sequence uint32, attributes ...[]byte) []byte {
	return withAttributes(header(kind, 0, unix.AF_UNSPEC, unix.NFNL_SUBSYS_NFTABLES, sequence), attributes...)
}

func withAttributes(message []byte, attributes ...[]byte) []byte {
	for _, attribute := range attributes {
		message = append(message, attribute...)
	}
	binary.NativeEndian.PutUint32(message, uint32(len(message)))
	return message
}

// header returns struct nlmsghdr and struct nfgenmsg.
func header(kind, flags uint16, family uint8, resource uint16, sequence uint32) []byte {
	out := make([]byte, unix.NLMSG_HDRLEN+familyHead)
	binary.NativeEndian.PutUint32(out, uint32(len(out)))
	binary.NativeEndian.PutUint16(out[4:], kind)
	binary.NativeEndian.PutUint16(out[6:], flags|unix.NLM_F_REQUEST)
	binary.NativeEndian.PutUint32(out[8:], sequence)
	out[16], out[17] = family, unix.NFNETLINK_V0
	binary.BigEndian.PutUint16(out[18:], resource)
	return out
}

// exchange sends messages and reads replies until the one to the request with the last number, or the first error.
func exchange(messages []byte, last uint32) ([][]byte, error) {
	fd, err := open(len(messages))
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	if err := unix.Sendto(fd, messages, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, fmt.Errorf("send to netfilter: %w", err)
	}
	var parts [][]byte
	for {
		buffer := make([]byte, 64<<10)
		n, _, err := unix.Recvfrom(fd, buffer, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("receive from netfilter: %w", err)
		}
		more, done, err := read(buffer[:n], last)
		if err != nil || done {
			return append(parts, more...), err
		}
		parts = append(parts, more...)
	}
}

func open(length int) (int, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if err != nil {
		return 0, fmt.Errorf("open netfilter: %w", err)
	}
	timeout := unix.NsecToTimeval(patience.Nanoseconds())
	// A transaction is one datagram, and a pod may have hundreds of ports.
	err = errors.Join(
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, max(2*length, 64<<10)),
	)
	if err != nil {
		unix.Close(fd)
		return 0, fmt.Errorf("set up netfilter: %w", err)
	}
	return fd, nil
}

// read returns the parts of a list in a datagram, and whether the exchange is over.
func read(datagram []byte, last uint32) (parts [][]byte, done bool, err error) {
	messages, err := syscall.ParseNetlinkMessage(datagram)
	if err != nil {
		return nil, true, fmt.Errorf("receive from netfilter: %w", err)
	}
	for _, m := range messages {
		if m.Header.Flags&dumpIntr != 0 && m.Header.Type != unix.NLMSG_ERROR {
			return nil, true, ErrChanged
		}
		switch m.Header.Type {
		case unix.NLMSG_DONE:
			return parts, true, errorOf(m.Data)
		case unix.NLMSG_ERROR:
			if err := errorOf(m.Data); err != nil || m.Header.Seq == last {
				return parts, true, err
			}
		default:
			parts = append(parts, m.Data[min(familyHead, len(m.Data)):])
		}
	}
	return parts, false, nil
}

func errorOf(data []byte) error {
	if len(data) < 4 {
		return unix.EBADMSG
	}
	if code := int32(binary.NativeEndian.Uint32(data)); code < 0 {
		return syscall.Errno(-code)
	}
	return nil
}
