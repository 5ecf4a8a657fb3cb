// Package tpm has the machine's TPM 2.0 keep a secret that it gives out only to a system whose measurement the builder
// has signed, and only until that system says that it has what it needs.
package tpm

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
	"golang.org/x/sys/unix"
)

const (
	// Device is the kernel's node of a TPM, behind which the kernel keeps the objects of its users apart.
	Device = "/dev/tpmrm0"

	// systemPCR is where systemd's stub measures the parts of the EFI file.
	systemPCR = 11
	// wordsPCR is where it measures what others add to the kernel's command line; it is zero when nobody does.
	wordsPCR = 12

	// Opened is what Forget extends PCR 11 by: whoever checks a quote expects it (docs/host-api.md).
	Opened = "kios: the data partition was opened"

	keyBits     = 2048
	keyExponent = 65537
	nonceBytes  = 16
	// mostReply is more than any reply has.
	mostReply = 4096
	// patience bounds the wait for one reply. A TPM makes a key of elliptic curves within a second.
	patience = 30 * time.Second
)

// The reasons for which a TPM keeps a secret to itself.
var (
	// ErrOther means that it is not the TPM which sealed the secret, or that it was cleared since.
	ErrOther = errors.New("another TPM has sealed the key, or this one was cleared since")
	// ErrKey means that the running system is signed by another key than the secret is for.
	ErrKey = errors.New("this system is signed with another key for measurements than the one that the partition is for")
	// ErrSystem means that PCR 11 is not as signed.
	ErrSystem = errors.New("the system that started is not as its builder signed it (PCR 11)")
	// ErrWords means that PCR 12 is not zero.
	ErrWords = errors.New("somebody has added words to the kernel's command line (PCR 12)")
	// ErrSilent means that it does not reply.
	ErrSilent = errors.New("the TPM does not reply")
	// ErrBank means that it does not measure by SHA-256.
	ErrBank = errors.New("the TPM has no PCRs of SHA-256: turn that bank on in the firmware's menu")
)

// TPM is a connection to a TPM.
type TPM struct{ to transport.TPM }

// Open connects to the machine's TPM, whose driver may still be at work. The error is os.ErrNotExist where there is
// none.
func Open(wait time.Duration) (t *TPM, close func(), err error) {
	for end := time.Now().Add(wait); ; time.Sleep(20 * time.Millisecond) {
		file, err := openBlocking(Device)
		if err == nil {
			return &TPM{&device{file: file}}, func() { file.Close() }, nil
		}
		if !errors.Is(err, os.ErrNotExist) || time.Now().After(end) {
			return nil, nil, err
		}
	}
}

// openBlocking opens a node of which reading waits. os.OpenFile makes one non-blocking that can be polled, and the
// kernel then answers a read before the TPM has replied with an empty reply.
func openBlocking(path string) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// device sends commands to a node, one after the other.
type device struct {
	file interface {
		Read([]byte) (int, error)
		Write([]byte) (int, error)
	}
	silent bool
}

// Send waits for a reply, but not for ever: the kernel's own limits add up to minutes.
func (d *device) Send(command []byte) ([]byte, error) {
	if d.silent {
		return nil, ErrSilent
	}
	type result struct {
		reply []byte
		err   error
	}
	done := make(chan result, 1)
	go func() {
		if _, err := d.file.Write(command); err != nil {
			done <- result{nil, err}
			return
		}
		reply := make([]byte, mostReply)
		n, err := d.file.Read(reply)
		done <- result{reply[:n], err}
	}()
	select {
	case r := <-done:
		return r.reply, r.err
	case <-time.After(patience):
		d.silent = true
		return nil, ErrSilent
	}
}

// guarded turns a panic of the library over a reply that makes no sense into an error.
func guarded(err *error) {
	if cause := recover(); cause != nil {
		*err = fmt.Errorf("the TPM's reply makes no sense: %v", cause)
	}
}

// Sealed is a secret that only the TPM which sealed it can open, as that TPM has encrypted it.
type Sealed struct {
	Public  []byte `json:"public"`
	Private []byte `json:"private"`
	KeyID   string `json:"key"` // Signed.KeyID
}

// Seal has the TPM encrypt a secret for each system whose measurement the key has signed, without further words.
func (t *TPM) Seal(secret []byte, key *rsa.PublicKey, keyID string) (sealed Sealed, err error) {
	defer guarded(&err)
	policy, err := policyFor(key)
	if err != nil {
		return Sealed{}, err
	}
	parent, err := t.parent()
	if err != nil {
		return Sealed{}, err
	}
	defer t.flush(parent.handle)
	made, err := tpm2.Create{
		ParentHandle: tpm2.AuthHandle{Handle: parent.handle, Name: parent.name, Auth: tpm2.PasswordAuth(nil)},
		InSensitive:  tpm2.TPM2BSensitiveCreate{Sensitive: &tpm2.TPMSSensitiveCreate{Data: tpm2.NewTPMUSensitiveCreate(&tpm2.TPM2BSensitiveData{Buffer: secret})}},
		InPublic: tpm2.New2B(tpm2.TPMTPublic{
			Type: tpm2.TPMAlgKeyedHash, NameAlg: tpm2.TPMAlgSHA256, AuthPolicy: tpm2.TPM2BDigest{Buffer: policy},
			// Without UserWithAuth there is no way past the policy.
			ObjectAttributes: tpm2.TPMAObject{FixedTPM: true, FixedParent: true, NoDA: true},
		}),
	}.Execute(t.to, tpm2.HMAC(tpm2.TPMAlgSHA256, nonceBytes, tpm2.Salted(parent.handle, parent.public), tpm2.AESEncryption(128, tpm2.EncryptIn)))
	if err != nil {
		return Sealed{}, fmt.Errorf("seal the key: %w", err)
	}
	return Sealed{tpm2.Marshal(made.OutPublic), tpm2.Marshal(made.OutPrivate), keyID}, nil
}

// Unseal has the TPM decrypt a secret for the running system. What goes over the wires to the TPM is encrypted.
func (t *TPM) Unseal(sealed Sealed, signed Signed) (secret []byte, err error) {
	defer guarded(&err)
	if sealed.KeyID != signed.KeyID {
		return nil, ErrKey
	}
	if err := t.explain(signed); err != nil {
		return nil, err
	}
	public, err := tpm2.Unmarshal[tpm2.TPM2BPublic](sealed.Public)
	if err != nil {
		return nil, fmt.Errorf("read the sealed key: %w", err)
	}
	private, err := tpm2.Unmarshal[tpm2.TPM2BPrivate](sealed.Private)
	if err != nil {
		return nil, fmt.Errorf("read the sealed key: %w", err)
	}
	parent, err := t.parent()
	if err != nil {
		return nil, err
	}
	defer t.flush(parent.handle)
	object, err := tpm2.Load{
		ParentHandle: tpm2.AuthHandle{Handle: parent.handle, Name: parent.name, Auth: tpm2.PasswordAuth(nil)},
		InPrivate:    *private, InPublic: *public,
	}.Execute(t.to)
	if errors.Is(err, tpm2.TPMRCIntegrity) {
		return nil, ErrOther
	}
	if err != nil {
		return nil, fmt.Errorf("load the sealed key: %w", err)
	}
	defer t.flush(object.ObjectHandle)
	session, end, err := tpm2.PolicySession(t.to, tpm2.TPMAlgSHA256, nonceBytes, tpm2.Salted(parent.handle, parent.public), tpm2.AESEncryption(128, tpm2.EncryptOut))
	if err != nil {
		return nil, fmt.Errorf("begin a session: %w", err)
	}
	defer end()
	if err := t.satisfy(session.Handle(), signed); err != nil {
		return nil, err
	}
	open, err := tpm2.Unseal{ItemHandle: tpm2.AuthHandle{Handle: object.ObjectHandle, Name: object.Name, Auth: session}}.Execute(t.to)
	if err != nil {
		return nil, fmt.Errorf("unseal the key: %w", err)
	}
	return open.OutData.Buffer, nil
}

// satisfy has a session go through the policy of policyFor.
func (t *TPM) satisfy(session tpm2.TPMHandle, signed Signed) error {
	if _, err := (tpm2.PolicyPCR{PolicySession: session, Pcrs: selection(systemPCR)}).Execute(t.to); err != nil {
		return fmt.Errorf("look at PCR %d: %w", systemPCR, err)
	}
	public := publicOf(signed.Key)
	key, err := tpm2.LoadExternal{InPublic: tpm2.New2B(public), Hierarchy: tpm2.TPMRHOwner}.Execute(t.to)
	if err != nil {
		return fmt.Errorf("load the public key: %w", err)
	}
	defer t.flush(key.ObjectHandle)
	digest := sha256.Sum256(signed.Policy)
	verified, err := tpm2.VerifySignature{
		KeyHandle: tpm2.NamedHandle{Handle: key.ObjectHandle, Name: key.Name}, Digest: tpm2.TPM2BDigest{Buffer: digest[:]},
		Signature: tpm2.TPMTSignature{SigAlg: tpm2.TPMAlgRSASSA, Signature: tpm2.NewTPMUSignature(tpm2.TPMAlgRSASSA,
			&tpm2.TPMSSignatureRSA{Hash: tpm2.TPMAlgSHA256, Sig: tpm2.TPM2BPublicKeyRSA{Buffer: signed.Signature}})},
	}.Execute(t.to)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSystem, err)
	}
	if _, err := (tpm2.PolicyAuthorize{PolicySession: session, ApprovedPolicy: tpm2.TPM2BDigest{Buffer: signed.Policy}, KeySign: key.Name, CheckTicket: verified.Validation}).Execute(t.to); err != nil {
		return fmt.Errorf("%w: %w", ErrSystem, err)
	}
	if _, err := (tpm2.PolicyPCR{PolicySession: session, Pcrs: selection(wordsPCR)}).Execute(t.to); err != nil {
		return fmt.Errorf("look at PCR %d: %w", wordsPCR, err)
	}
	return nil
}

// policyFor is met by a system whose PCR 11 the key has signed, while PCR 12 is zero.
func policyFor(key *rsa.PublicKey) ([]byte, error) {
	public := publicOf(key)
	name, err := tpm2.ObjectName(&public)
	if err != nil {
		return nil, err
	}
	policy, err := tpm2.NewPolicyCalculator(tpm2.TPMAlgSHA256)
	if err != nil {
		return nil, err
	}
	if err := (tpm2.PolicyAuthorize{KeySign: *name}).Update(policy); err != nil {
		return nil, err
	}
	if err := policyPCR(wordsPCR, make([]byte, sha256.Size)).Update(policy); err != nil {
		return nil, err
	}
	return policy.Hash().Digest, nil
}

// policyPCR is met while one PCR has this value.
func policyPCR(pcr uint, value []byte) tpm2.PolicyPCR {
	digest := sha256.Sum256(value)
	return tpm2.PolicyPCR{Pcrs: selection(pcr), PcrDigest: tpm2.TPM2BDigest{Buffer: digest[:]}}
}

func selection(pcrs ...uint) tpm2.TPMLPCRSelection {
	return tpm2.TPMLPCRSelection{PCRSelections: []tpm2.TPMSPCRSelection{{Hash: tpm2.TPMAlgSHA256, PCRSelect: tpm2.PCClientCompatible.PCRs(pcrs...)}}}
}

// publicOf returns the builder's key in the form by which TPMs name it.
func publicOf(key *rsa.PublicKey) tpm2.TPMTPublic {
	return tpm2.TPMTPublic{
		Type: tpm2.TPMAlgRSA, NameAlg: tpm2.TPMAlgSHA256, ObjectAttributes: tpm2.TPMAObject{UserWithAuth: true, SignEncrypt: true},
		Parameters: tpm2.NewTPMUPublicParms(tpm2.TPMAlgRSA, &tpm2.TPMSRSAParms{KeyBits: keyBits, Exponent: keyExponent}),
		Unique:     tpm2.NewTPMUPublicID(tpm2.TPMAlgRSA, &tpm2.TPM2BPublicKeyRSA{Buffer: key.N.FillBytes(make([]byte, keyBits/8))}),
	}
}

// explain finds out why the TPM would refuse, which its own errors do not say.
func (t *TPM) explain(signed Signed) error {
	words, err := t.read(wordsPCR)
	if err != nil {
		return err
	}
	if !bytes.Equal(words, make([]byte, sha256.Size)) {
		return ErrWords
	}
	system, err := t.read(systemPCR)
	if err != nil {
		return err
	}
	policy, err := tpm2.NewPolicyCalculator(tpm2.TPMAlgSHA256)
	if err != nil {
		return err
	}
	if err := policyPCR(systemPCR, system).Update(policy); err != nil {
		return err
	}
	if !bytes.Equal(policy.Hash().Digest, signed.Policy) {
		return ErrSystem
	}
	return nil
}

// read returns the value of a PCR.
func (t *TPM) read(pcr uint) ([]byte, error) {
	values, err := tpm2.PCRRead{PCRSelectionIn: selection(pcr)}.Execute(t.to)
	if err != nil {
		return nil, fmt.Errorf("read PCR %d: %w", pcr, err)
	}
	if len(values.PCRValues.Digests) != 1 || len(values.PCRValues.Digests[0].Buffer) != sha256.Size {
		return nil, ErrBank
	}
	return values.PCRValues.Digests[0].Buffer, nil
}

// Forget changes PCR 11 until the next reset, so that no program gets a secret that is sealed to the system.
func (t *TPM) Forget() (err error) {
	defer guarded(&err)
	digest := sha256.Sum256([]byte(Opened))
	_, err = tpm2.PCRExtend{
		PCRHandle: tpm2.AuthHandle{Handle: tpm2.TPMHandle(systemPCR), Auth: tpm2.PasswordAuth(nil)},
		Digests:   tpm2.TPMLDigestValues{Digests: []tpm2.TPMTHA{{HashAlg: tpm2.TPMAlgSHA256, Digest: digest[:]}}},
	}.Execute(t.to)
	if err != nil {
		return fmt.Errorf("extend PCR %d: %w", systemPCR, err)
	}
	return nil
}

// loaded is an object in the TPM.
type loaded struct {
	handle tpm2.TPMHandle
	name   tpm2.TPM2BName
	public tpm2.TPMTPublic
}

// parent makes the key under which secrets are sealed. It is the same each time, until somebody clears the TPM.
func (t *TPM) parent() (loaded, error) {
	made, err := tpm2.CreatePrimary{PrimaryHandle: tpm2.TPMRHOwner, InPublic: tpm2.New2B(tpm2.ECCSRKTemplate)}.Execute(t.to)
	if err != nil {
		return loaded{}, fmt.Errorf("make the TPM's storage key: %w", err)
	}
	public, err := made.OutPublic.Contents()
	if err != nil {
		t.flush(made.ObjectHandle)
		return loaded{}, err
	}
	return loaded{made.ObjectHandle, made.Name, *public}, nil
}

// flush frees the place of an object. The kernel does it too when the connection ends.
func (t *TPM) flush(handle tpm2.TPMHandle) {
	_, _ = tpm2.FlushContext{FlushHandle: handle}.Execute(t.to)
}
