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
	"slices"
	"time"

	"kios.dev/init/internal/atomicfile"
	"kios.dev/init/internal/plainfile"
)

const (
	pkiDir      = Dir + "/pki"
	certificate = pkiDir + "/kubelet.crt"
	privateKey  = pkiDir + "/kubelet.key"

	// A certificate begins a day before it is made, because the clock may still be set back.
	leeway   = 24 * time.Hour
	lifetime = 365*24*time.Hour + leeway
)

// EnsureServingPair makes kubelet's serving certificate and key below etc, the folder /etc, unless the ones there still
// serve, and reports whether it did. Kubelet reads both again when they change. It would itself make an RSA pair at
// every start of an empty node, which takes over a thousand times as long, and never renew it.
func EnsureServingPair(etc, host string, now time.Time) (bool, error) {
	crt, key, err := readPair(etc)
	if err == nil && serves(crt, key, host, now) {
		return false, nil
	}
	if err := os.MkdirAll(filepath.Join(etc, below(pkiDir)), 0o700); err != nil {
		return false, err
	}
	certificatePEM, keyPEM, err := newPair(host, now.Add(-leeway), lifetime)
	if err != nil {
		return false, err
	}
	if err := atomicfile.Write(filepath.Join(etc, below(privateKey)), keyPEM, 0o600); err != nil {
		return false, err
	}
	return true, atomicfile.Write(filepath.Join(etc, below(certificate)), certificatePEM, 0o644)
}

// readPair fails for a missing or damaged pair.
func readPair(etc string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	crt, err := readPEM(etc, certificate, x509.ParseCertificate)
	if err != nil {
		return nil, nil, err
	}
	key, err := readPEM(etc, privateKey, x509.ParseECPrivateKey)
	return crt, key, err
}

func readPEM[T any](etc, path string, parse func([]byte) (T, error)) (T, error) {
	var zero T
	text, err := plainfile.Read(etc, below(path), fileLimit)
	if err != nil {
		return zero, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return zero, os.ErrInvalid
	}
	return parse(block.Bytes)
}

// serves returns false for a certificate of another key, which a power cut between the two files can leave, of another
// host or another time, in the last third of its life, or with a longer life than init gives it.
func serves(crt *x509.Certificate, key *ecdsa.PrivateKey, host string, now time.Time) bool {
	life := crt.NotAfter.Sub(crt.NotBefore)
	return key.PublicKey.Equal(crt.PublicKey) && slices.Equal(crt.DNSNames, []string{host}) && life <= lifetime &&
		!now.Before(crt.NotBefore) && now.Before(crt.NotAfter.Add(-life/3))
}

func newPair(host string, from time.Time, life time.Duration) (certificatePEM, keyPEM []byte, err error) {
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
		Subject:      pkix.Name{CommonName: "kios-" + host},
		DNSNames:     []string{host},
		NotBefore:    from,
		NotAfter:     from.Add(life),
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
	certificatePEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return certificatePEM, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}), nil
}
