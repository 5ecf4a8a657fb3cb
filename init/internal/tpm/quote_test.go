package tpm

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/json"
	"maps"
	"math/big"
	"os"
	"slices"
	"testing"

	"github.com/google/go-tpm/tpm2"
)

// verifies reports whether the key of a quote has signed it.
func verifies(t *testing.T, q Quote) bool {
	t.Helper()
	public, err := tpm2.Unmarshal[tpm2.TPMTPublic](q.Public)
	if err != nil {
		t.Fatal(err)
	}
	point, err := public.Unique.ECC()
	if err != nil {
		t.Fatal(err)
	}
	key := ecdsa.PublicKey{Curve: elliptic.P256(), X: new(big.Int).SetBytes(point.X.Buffer), Y: new(big.Int).SetBytes(point.Y.Buffer)}
	digest := sha256.Sum256(q.Attested)
	return ecdsa.Verify(&key, digest[:], new(big.Int).SetBytes(q.Signature[:32]), new(big.Int).SetBytes(q.Signature[32:]))
}

func quoted(t *testing.T, tpm *TPM, bound string) Quote {
	t.Helper()
	q, err := tpm.Quote([]byte(bound))
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func TestAQuoteIsSignedByTheMachinesKeyAndBound(t *testing.T) {
	m := newMachine(t)
	tpm := m.reset()
	tpm.boot(t, 11, "system 1")
	first := quoted(t, tpm, "a key")
	if !verifies(t, first) || len(first.Signature) != 64 {
		t.Error("the signature is not that of the key")
	}
	binding := sha256.Sum256([]byte(purpose + "a key"))
	if !bytes.Contains(first.Attested, binding[:]) {
		t.Error("it is not bound to the key")
	}
	if got := slices.Sorted(maps.Keys(first.PCRs)); !slices.Equal(got, []string{"0", "11", "12", "2", "4", "7"}) {
		t.Error(got)
	}
	if err := tpm.Forget(); err != nil {
		t.Fatal(err)
	}
	later := quoted(t, tpm, "a key")
	opened := sha256.Sum256([]byte(Opened))
	want := sha256.Sum256(append(bytes.Clone(first.PCRs["11"]), opened[:]...))
	if !bytes.Equal(later.PCRs["11"], want[:]) || bytes.Equal(first.Attested, later.Attested) {
		t.Error("it does not show that the partition was opened")
	}

	again := quoted(t, m.reset(), "another")
	if again.Name() != first.Name() {
		t.Error("the key is another one after a reset")
	}
	m.clear()
	if other := quoted(t, m.reset(), "a key"); other.Name() == first.Name() {
		t.Error("another TPM has the same key")
	}
}

// The key outlives what a firmware's menu calls clearing, which changes the owner's hierarchy alone.
func TestTheKeyOutlivesAClearing(t *testing.T) {
	tpm := newMachine(t).reset()
	before := quoted(t, tpm, "")
	_, err := tpm2.Clear{AuthHandle: tpm2.AuthHandle{Handle: tpm2.TPMRHLockout, Auth: tpm2.PasswordAuth(nil)}}.Execute(tpm.to)
	if err != nil {
		t.Fatal(err)
	}
	if after := quoted(t, tpm, ""); after.Name() != before.Name() {
		t.Error("the key is another one")
	}
}

// A key that signs what somebody gives it would sign a quote that somebody has made up.
func TestTheKeySignsNothingElse(t *testing.T) {
	tpm := newMachine(t).reset()
	made, err := tpm2.CreatePrimary{PrimaryHandle: tpm2.TPMRHEndorsement, InPublic: tpm2.New2B(attestationKey)}.Execute(tpm.to)
	if err != nil {
		t.Fatal(err)
	}
	defer tpm.flush(made.ObjectHandle)
	digest := sha256.Sum256([]byte("made up"))
	signed, err := tpm2.Sign{
		KeyHandle: tpm2.NamedHandle{Handle: made.ObjectHandle, Name: made.Name}, Digest: tpm2.TPM2BDigest{Buffer: digest[:]},
		InScheme:   tpm2.TPMTSigScheme{Scheme: tpm2.TPMAlgNull},
		Validation: tpm2.TPMTTKHashCheck{Tag: tpm2.TPMSTHashCheck, Hierarchy: tpm2.TPMRHNull},
	}.Execute(tpm.to)
	if err == nil {
		t.Errorf("%+v", signed)
	}
}

// TestQuoteVectors writes the vectors of host-api's quotes anew, when it is asked to.
func TestQuoteVectors(t *testing.T) {
	file := os.Getenv("KIOS_WRITE_QUOTE")
	if file == "" {
		t.Skip("writes a file")
	}
	tpm := newMachine(t).reset()
	for _, pcr := range []tpm2.TPMHandle{0, 2, 4, 7, 11} {
		tpm.boot(t, pcr, "quote")
	}
	if err := tpm.Forget(); err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(quoted(t, tpm, "a key"), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}
