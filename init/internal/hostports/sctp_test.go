package hostports

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"net"
	"testing"
	"time"
)

// initChunk is a packet that begins an SCTP association (RFC 9260 §3.1, §3.3.2), with its checksum.
func initChunk(from, to uint16) []byte {
	var b bytes.Buffer
	binary.Write(&b, binary.BigEndian, []uint16{from, to})
	b.Write(make([]byte, 8))                 // verification tag, checksum
	b.Write([]byte{1, 0, 0, 20, 0, 0, 0, 1}) // INIT of 20 bytes, its tag
	b.Write([]byte{0, 1, 0, 0, 0, 1, 0, 1})  // window, streams
	b.Write([]byte{0, 0, 0, 1})              // first number
	packet := b.Bytes()
	binary.LittleEndian.PutUint32(packet[8:], crc32.Checksum(packet, crc32.MakeTable(crc32.Castagnoli)))
	return packet
}

// The workstation's kernel may have no sockets of SCTP, so the packet is made and read as it is.
func TestAnAssociationOfSCTPIsLedToThePod(t *testing.T) {
	n := newNode(t)
	p := n.addNodePod(5)
	n.must("ADD", "c1", n.configuration(p, `[{"hostPort":90,"containerPort":91,"protocol":"sctp"}]`))
	var server net.PacketConn
	n.inside(p.name, func() { server, _ = net.ListenPacket("ip4:132", "10.85.0.5") })
	if server == nil {
		t.Fatal("cannot listen")
	}
	defer server.Close()
	n.inside("client", func() {
		conn, err := net.Dial("ip4:132", hostAddress)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		conn.Write(initChunk(5000, 90))
	})
	buffer := make([]byte, 128)
	server.SetReadDeadline(time.Now().Add(5 * time.Second))
	_, from, err := server.ReadFrom(buffer)
	if err != nil {
		t.Fatal(err)
	}
	if to := binary.BigEndian.Uint16(buffer[2:]); to != 91 || from.String() != clientAddress {
		t.Errorf("from %s to port %d", from, to)
	}
}
