package luks

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
)

const areaSector = 512

// xts is AES in the mode XTS with the numbers of sectors as tweaks (IEEE 1619-2018; `plain64` of the kernel).
type xts struct{ data, tweak cipher.Block }

func newXTS(key []byte) (xts, error) {
	if len(key) != keyBytes {
		return xts{}, errors.New("a key has a wrong length")
	}
	data, err := aes.NewCipher(key[:keyBytes/2])
	if err != nil {
		return xts{}, err
	}
	tweak, err := aes.NewCipher(key[keyBytes/2:])
	return xts{data, tweak}, err
}

// apply encrypts or decrypts whole sectors in place, of which the first has the number 0.
func (x xts) apply(data []byte, block func(dst, src []byte)) {
	var tweak, mixed [aes.BlockSize]byte
	for at := 0; at < len(data); at += aes.BlockSize {
		if at%areaSector == 0 {
			tweak = [aes.BlockSize]byte{}
			binary.LittleEndian.PutUint64(tweak[:], uint64(at/areaSector))
			x.tweak.Encrypt(tweak[:], tweak[:])
		}
		part := data[at : at+aes.BlockSize]
		for i := range part {
			mixed[i] = part[i] ^ tweak[i]
		}
		block(mixed[:], mixed[:])
		for i := range part {
			part[i] = mixed[i] ^ tweak[i]
		}
		double(&tweak)
	}
}

func (x xts) encrypt(data []byte) { x.apply(data, x.data.Encrypt) }
func (x xts) decrypt(data []byte) { x.apply(data, x.data.Decrypt) }

// double multiplies by the generator of the field of 2^128 elements.
func double(tweak *[aes.BlockSize]byte) {
	var carry byte
	for i := range tweak {
		carry, tweak[i] = tweak[i]>>7, tweak[i]<<1|carry
	}
	tweak[0] ^= carry * 0x87
}
