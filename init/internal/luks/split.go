package luks

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
)

// split spreads a key over many stripes, so that it is lost with any of them (LUKS1 specification, section 2.4).
func split(key []byte, stripes int) []byte {
	all := make([]byte, len(key)*stripes)
	last := all[len(all)-len(key):]
	rand.Read(all[:len(all)-len(key)])
	mix := mixed(all, len(key))
	for i := range last {
		last[i] = mix[i] ^ key[i]
	}
	return all
}

// merge is the inverse of split.
func merge(all []byte, size int) []byte {
	key := mixed(all, size)
	last := all[len(all)-size:]
	for i := range key {
		key[i] ^= last[i]
	}
	return key
}

// mixed is what all stripes but the last come to.
func mixed(all []byte, size int) []byte {
	mix := make([]byte, size)
	for at := 0; at+size < len(all); at += size {
		for i := range mix {
			mix[i] ^= all[at+i]
		}
		diffuse(mix)
	}
	return mix
}

func diffuse(block []byte) {
	var numbered [4 + sha256.Size]byte
	for i := 0; i*sha256.Size < len(block); i++ {
		part := block[i*sha256.Size : min((i+1)*sha256.Size, len(block))]
		binary.BigEndian.PutUint32(numbered[:], uint32(i))
		n := copy(numbered[4:], part)
		sum := sha256.Sum256(numbered[:4+n])
		copy(part, sum[:])
	}
}
