package kubelet

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"kios.dev/init/internal/atomicfile"
)

// EnsureServingPair creates dir/kubelet.{crt,key} unless they exist and match, and reports whether it did. Kubelet
// would create an RSA pair at every start of an empty node, which takes over a thousand times as long.
func EnsureServingPair(dir, hostname string, now time.Time) (bool, error) {
	crt, key := filepath.Join(dir, "kubelet.crt"), filepath.Join(dir, "kubelet.key")
	if fits(crt, key) {
		return false, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false, err
	}
	certificate, private, err := newPair(hostname, now)
	if err != nil {
		return false, err
	}
	if err := atomicfile.Write(key, private, 0o600); err != nil {
		return false, err
	}
	return true, atomicfile.Write(crt, certificate, 0o644)
}

// fits returns false for a missing, damaged or mismatched pair, which a power cut between the two files can leave.
func fits(crtPath, keyPath string) bool {
	crt, err := parsePEM(crtPath, x509.ParseCertificate)
	if err != nil {
		return false
	}
	key, err := parsePEM(keyPath, x509.ParseECPrivateKey)
	if err != nil {
		return false
	}
	return key.PublicKey.Equal(crt.PublicKey)
}

func parsePEM[T any](path string, parse func([]byte) (T, error)) (T, error) {
	var zero T
	text, err := os.ReadFile(path)
	if err != nil {
		return zero, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return zero, os.ErrInvalid
	}
	return parse(block.Bytes)
}

func newPair(hostname string, now time.Time) (certificate, private []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, nil, err
	}
	template := x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "kios-" + hostname},
		DNSNames:     []string{hostname},
		NotBefore:    now.Add(-24 * time.Hour), // the clock may still be set back
		NotAfter:     now.AddDate(20, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		return nil, nil, err
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	certificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return certificate, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}), nil
}
