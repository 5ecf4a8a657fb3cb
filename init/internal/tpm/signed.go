package tpm

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
)

// Signed is what an EFI file says of its own measurement: PCR 11 as systemd's stub leaves it, as a policy, and the
// builder's signature under that. It is public, and means nothing until a TPM has verified it.
type Signed struct {
	Key       *rsa.PublicKey
	KeyID     string // SHA-256 of the key (PKCS #1, DER), in hexadecimal, as systemd has it
	Policy    []byte
	Signature []byte
}

// ErrUnsigned means that the EFI file has no such signature.
var ErrUnsigned = errors.New("its EFI file has no signature of its measurement")

// entry is a row of the list in the section .pcrsig (systemd-measure(1)).
type entry struct {
	PCRs      []int  `json:"pcrs"`
	KeyID     string `json:"pkfp"`
	Policy    string `json:"pol"`
	Signature []byte `json:"sig"`
}

// ReadSigned reads the sections .pcrpkey and .pcrsig.
func ReadSigned(key, signatures []byte) (Signed, error) {
	if len(key) == 0 || len(signatures) == 0 {
		return Signed{}, ErrUnsigned
	}
	block, _ := pem.Decode(key)
	if block == nil {
		return Signed{}, fmt.Errorf("%w: .pcrpkey is no PEM", ErrUnsigned)
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return Signed{}, fmt.Errorf("%w: .pcrpkey: %w", ErrUnsigned, err)
	}
	public, ok := parsed.(*rsa.PublicKey)
	if !ok || public.N.BitLen() != keyBits || public.E != keyExponent {
		return Signed{}, fmt.Errorf("%w: .pcrpkey is no RSA key of %d bits", ErrUnsigned, keyBits)
	}
	sum := sha256.Sum256(x509.MarshalPKCS1PublicKey(public))
	signed := Signed{Key: public, KeyID: hex.EncodeToString(sum[:])}
	var lists map[string]json.RawMessage
	var rows []entry
	if err := json.Unmarshal(bytes.TrimRight(signatures, "\x00"), &lists); err != nil {
		return Signed{}, fmt.Errorf("%w: .pcrsig: %w", ErrUnsigned, err)
	}
	if err := json.Unmarshal(lists["sha256"], &rows); err != nil {
		return Signed{}, fmt.Errorf("%w: .pcrsig has no list for sha256: %w", ErrUnsigned, err)
	}
	for _, row := range rows {
		policy, err := hex.DecodeString(row.Policy)
		if err == nil && len(policy) == sha256.Size && row.KeyID == signed.KeyID && slices.Equal(row.PCRs, []int{systemPCR}) {
			signed.Policy, signed.Signature = policy, row.Signature
			return signed, nil
		}
	}
	return Signed{}, fmt.Errorf("%w: .pcrsig has none by the key of .pcrpkey", ErrUnsigned)
}
