package login1

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// The form of messages: D-Bus specification, "Message Protocol". Init reads both byte orders and writes one. It reads
// only the types that kubelet's calls have: strings in a body, and strings, signatures and numbers in a header.

// Kinds of messages.
const (
	kindCall   = 1
	kindReply  = 2
	kindError  = 3
	kindSignal = 4
)

// flagNoReply says that the sender of a call wants no reply.
const flagNoReply = 1

// Fields of a header.
const (
	fieldPath = iota + 1
	fieldInterface
	fieldMember
	fieldErrorName
	fieldReplySerial
	fieldDestination
	fieldSender
	fieldSignature
	fieldUnixFDs
)

const (
	version     = 1
	fixedLength = 16 // what stands before the fields of a header, the length of these fields included
	// maxPart bounds the fields and the body each. What kubelet sends has a few hundred bytes.
	maxPart = 16 << 10
)

var errForm = errors.New("no message of D-Bus")

// message is one message. Its texts are empty where the header lacks the field.
type message struct {
	kind, flags                     byte
	serial, replySerial, fds        uint32
	path, iface, member, errorName  string
	destination, sender, signatures string
	body                            []byte
	order                           binary.ByteOrder // of the body
}

// readMessage reads one message and nothing beyond it.
func readMessage(from io.Reader) (message, error) {
	var fixed [fixedLength]byte
	if _, err := io.ReadFull(from, fixed[:]); err != nil {
		return message{}, err
	}
	m := message{kind: fixed[1], flags: fixed[2]}
	switch fixed[0] {
	case 'l':
		m.order = binary.LittleEndian
	case 'B':
		m.order = binary.BigEndian
	default:
		return message{}, fmt.Errorf("%w: no byte order", errForm)
	}
	body, fields := m.order.Uint32(fixed[4:]), m.order.Uint32(fixed[12:])
	m.serial = m.order.Uint32(fixed[8:])
	if fixed[3] != version || m.serial == 0 || m.kind == 0 {
		return message{}, fmt.Errorf("%w: version %d, serial number %d, kind %d", errForm, fixed[3], m.serial, m.kind)
	}
	if body > maxPart || fields > maxPart {
		return message{}, fmt.Errorf("%w: %d bytes behind %d bytes of header", errForm, body, fields)
	}
	padded := (fields + 7) &^ 7
	rest := make([]byte, padded+body)
	if _, err := io.ReadFull(from, rest); err != nil {
		return message{}, err
	}
	m.body = rest[padded:]
	return m, m.readFields(rest[:fields])
}

// readFields reads an array of (byte, variant). It begins at a multiple of 8, so alignment counts from its start.
func (m *message) readFields(fields []byte) error {
	r := reader{bytes: fields, order: m.order}
	for r.at < len(r.bytes) && r.err == nil {
		r.align(8)
		code, kind := r.byte(), r.signature()
		switch kind {
		case "s", "o":
			m.setText(code, r.text())
		case "g":
			m.setText(code, r.signature())
		case "u":
			m.setNumber(code, r.uint32())
		default:
			return fmt.Errorf("%w: field %d of type %q", errForm, code, kind)
		}
	}
	return r.err
}

func (m *message) setText(code byte, text string) {
	switch code {
	case fieldPath:
		m.path = text
	case fieldInterface:
		m.iface = text
	case fieldMember:
		m.member = text
	case fieldErrorName:
		m.errorName = text
	case fieldDestination:
		m.destination = text
	case fieldSender:
		m.sender = text
	case fieldSignature:
		m.signatures = text
	}
}

func (m *message) setNumber(code byte, number uint32) {
	switch code {
	case fieldReplySerial:
		m.replySerial = number
	case fieldUnixFDs:
		m.fds = number
	}
}

// texts returns a body that consists of count strings.
func (m *message) texts(count int) ([]string, error) {
	if m.signatures != strings.Repeat("s", count) {
		return nil, fmt.Errorf("%w: arguments of type %q in the place of %d strings", errForm, m.signatures, count)
	}
	r := reader{bytes: m.body, order: m.order}
	found := make([]string, count)
	for i := range found {
		found[i] = r.text()
	}
	if r.err == nil && r.at != len(r.bytes) {
		return nil, fmt.Errorf("%w: %d bytes behind the arguments", errForm, len(r.bytes)-r.at)
	}
	return found, r.err
}

// reader reads values one after another. After an error it returns zero values.
type reader struct {
	bytes []byte
	at    int
	order binary.ByteOrder
	err   error
}

// take returns the next bytes, or as many zeros when there are fewer.
func (r *reader) take(count int) []byte {
	if r.err != nil || count > len(r.bytes)-r.at {
		r.err = fmt.Errorf("%w: it ends at byte %d", errForm, len(r.bytes))
		return make([]byte, min(count, 8)) // enough for a number; of a text nobody reads more
	}
	r.at += count
	return r.bytes[r.at-count : r.at]
}

func (r *reader) align(to int)   { r.take(-r.at & (to - 1)) }
func (r *reader) byte() byte     { return r.take(1)[0] }
func (r *reader) uint32() uint32 { r.align(4); return r.order.Uint32(r.take(4)) }

func (r *reader) text() string {
	length := r.uint32()
	if length > maxPart {
		r.err = fmt.Errorf("%w: a text of %d bytes", errForm, length)
		return ""
	}
	return r.ended(int(length))
}

func (r *reader) signature() string { return r.ended(int(r.byte())) }

// ended returns a text that a zero byte ends.
func (r *reader) ended(length int) string {
	text, end := r.take(length), r.take(1)
	if r.err == nil && (end[0] != 0 || strings.IndexByte(string(text), 0) >= 0) {
		r.err = fmt.Errorf("%w: a text without its end", errForm)
	}
	if r.err != nil {
		return ""
	}
	return string(text)
}

// writer writes values one after another, in the byte order of most machines.
type writer struct{ bytes []byte }

func (w *writer) align(to int) {
	for len(w.bytes)%to != 0 {
		w.bytes = append(w.bytes, 0)
	}
}

func (w *writer) uint32(number uint32) {
	w.align(4)
	w.bytes = binary.LittleEndian.AppendUint32(w.bytes, number)
}

func (w *writer) text(text string) {
	w.uint32(uint32(len(text)))
	w.bytes = append(append(w.bytes, text...), 0)
}

func (w *writer) signature(text string) {
	w.bytes = append(append(append(w.bytes, byte(len(text))), text...), 0)
}

func (w *writer) textField(code byte, kind, text string) {
	if text == "" {
		return
	}
	w.align(8)
	w.bytes = append(w.bytes, code)
	w.signature(kind)
	if kind == "g" {
		w.signature(text)
	} else {
		w.text(text)
	}
}

func (w *writer) numberField(code byte, number uint32) {
	if number == 0 {
		return
	}
	w.align(8)
	w.bytes = append(w.bytes, code)
	w.signature("u")
	w.uint32(number)
}

// bytes returns the message as it is sent. Its body must be in the byte order of a writer.
func (m *message) bytes() []byte {
	var w writer
	w.bytes = append(w.bytes, 'l', m.kind, m.flags, version)
	w.uint32(uint32(len(m.body)))
	w.uint32(m.serial)
	w.uint32(0) // the length of the fields, below
	w.textField(fieldPath, "o", m.path)
	w.textField(fieldInterface, "s", m.iface)
	w.textField(fieldMember, "s", m.member)
	w.textField(fieldErrorName, "s", m.errorName)
	w.numberField(fieldReplySerial, m.replySerial)
	w.textField(fieldDestination, "s", m.destination)
	w.textField(fieldSender, "s", m.sender)
	w.textField(fieldSignature, "g", m.signatures)
	w.numberField(fieldUnixFDs, m.fds)
	binary.LittleEndian.PutUint32(w.bytes[12:], uint32(len(w.bytes)-fixedLength))
	w.align(8)
	return append(w.bytes, m.body...)
}

// withText gives a message a body of one string.
func (m message) withText(text string) message {
	var w writer
	w.text(text)
	m.signatures, m.body = "s", w.bytes
	return m
}

// withUint64 gives a message a body of one variant that holds a number.
func (m message) withUint64(number uint64) message {
	var w writer
	w.signature("t")
	w.align(8)
	m.signatures, m.body = "v", binary.LittleEndian.AppendUint64(w.bytes, number)
	return m
}

// withBool gives a message a body of one truth value.
func (m message) withBool(value bool) message {
	var w writer
	if value {
		w.uint32(1)
	} else {
		w.uint32(0)
	}
	m.signatures, m.body = "b", w.bytes
	return m
}

// withDescriptor gives a message a body of one file descriptor: the first that is sent with it.
func (m message) withDescriptor() message {
	var w writer
	w.uint32(0)
	m.signatures, m.body, m.fds = "h", w.bytes, 1
	return m
}
