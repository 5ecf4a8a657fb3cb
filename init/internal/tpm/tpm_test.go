package tpm

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-tpm/tpm2"
	"golang.org/x/sys/unix"
)

// machine is an emulated TPM, whose state outlives a reset.
type machine struct {
	t      *testing.T
	state  string
	socket string
	stop   func()
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	if _, err := exec.LookPath("swtpm"); err != nil {
		if os.Getenv("KIOS_REQUIRE_ROOT") == "1" {
			t.Fatal("needs Debian's swtpm")
		}
		t.Skip("needs Debian's swtpm")
	}
	m := &machine{t: t, state: t.TempDir(), stop: func() {}}
	t.Cleanup(func() { m.stop() })
	return m
}

// reset starts the TPM as a power-on does, and returns a connection.
func (m *machine) reset() *TPM {
	m.t.Helper()
	m.stop()
	m.socket = filepath.Join(m.state, "socket")
	os.Remove(m.socket)
	command := exec.Command("swtpm", "socket", "--tpm2", "--tpmstate", "dir="+m.state, "--server", "type=unixio,path="+m.socket, "--flags", "not-need-init,startup-clear")
	var said bytes.Buffer
	command.Stderr = &said
	if err := command.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.stop = func() { command.Process.Kill(); command.Wait(); m.stop = func() {} }
	for range 500 {
		if conn, err := net.Dial("unix", m.socket); err == nil {
			m.t.Cleanup(func() { conn.Close() })
			return &TPM{&device{file: conn}}
		}
		time.Sleep(10 * time.Millisecond)
	}
	m.t.Fatal("swtpm does not listen: ", said.String())
	return nil
}

// clear has the TPM forget all secrets.
func (m *machine) clear() {
	m.stop()
	names, _ := filepath.Glob(filepath.Join(m.state, "tpm2*"))
	for _, name := range names {
		os.Remove(name)
	}
}

// boot extends PCR 11 as the measurement of a system does.
func (t *TPM) boot(test *testing.T, pcr tpm2.TPMHandle, what string) {
	test.Helper()
	digest := sha256.Sum256([]byte(what))
	_, err := tpm2.PCRExtend{PCRHandle: tpm2.AuthHandle{Handle: pcr, Auth: tpm2.PasswordAuth(nil)},
		Digests: tpm2.TPMLDigestValues{Digests: []tpm2.TPMTHA{{HashAlg: tpm2.TPMAlgSHA256, Digest: digest[:]}}}}.Execute(t.to)
	if err != nil {
		test.Fatal(err)
	}
}

// sections returns .pcrpkey and .pcrsig of a system, as the build makes them.
func sections(t *testing.T, key *rsa.PrivateKey, what string) (public, signatures []byte) {
	t.Helper()
	one := sha256.Sum256([]byte(what))
	value := sha256.Sum256(append(make([]byte, sha256.Size), one[:]...))
	calculator, _ := tpm2.NewPolicyCalculator(tpm2.TPMAlgSHA256)
	if err := policyPCR(systemPCR, value[:]).Update(calculator); err != nil {
		t.Fatal(err)
	}
	policy := calculator.Hash().Digest
	digest := sha256.Sum256(policy)
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	der, _ := x509.MarshalPKIXPublicKey(&key.PublicKey)
	id := sha256.Sum256(x509.MarshalPKCS1PublicKey(&key.PublicKey))
	row := entry{[]int{11}, hex.EncodeToString(id[:]), hex.EncodeToString(policy), signature}
	signatures, _ = json.Marshal(map[string][]entry{"sha256": {row}})
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), signatures
}

func signedBy(t *testing.T, key *rsa.PrivateKey, what string) Signed {
	t.Helper()
	signed, err := ReadSigned(sections(t, key, what))
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func newKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

const secret = "0123456789abcdef0123456789abcdef"

func TestASecretIsForSignedSystemsOfThisMachineOnly(t *testing.T) {
	m, key, other := newMachine(t), newKey(t), newKey(t)
	old, next := signedBy(t, key, "system 1"), signedBy(t, key, "system 2")
	tpm := m.reset()
	tpm.boot(t, 11, "system 1")
	sealed, err := tpm.Seal([]byte(secret), old.Key, old.KeyID)
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, signed Signed, want error) {
		t.Helper()
		got, err := tpm.Unseal(sealed, signed)
		if !errors.Is(err, want) || want == nil && string(got) != secret {
			t.Errorf("%s: %q %v", what, got, err)
		}
	}
	check("the system that sealed it", old, nil)
	check("the same a second time", old, nil)
	if err := tpm.Forget(); err != nil {
		t.Fatal(err)
	}
	check("a pod after init", old, ErrSystem)

	tpm = m.reset()
	tpm.boot(t, 11, "system 2")
	check("an update that the same key has signed", next, nil)
	check("the signature of another system", old, ErrSystem)

	tpm = m.reset()
	tpm.boot(t, 4, "another loader")
	tpm.boot(t, 5, "another loader.conf")
	tpm.boot(t, 7, "another dbx")
	tpm.boot(t, 11, "system 1")
	check("the same system after a change of firmware", old, nil)

	tpm = m.reset()
	tpm.boot(t, 11, "system 1")
	tpm.boot(t, 12, "rdinit=/bin/evil")
	check("the same system with words", old, ErrWords)

	tpm = m.reset()
	tpm.boot(t, 11, "foreign")
	check("a foreign system with our signature", old, ErrSystem)
	check("a foreign system with its own", signedBy(t, other, "foreign"), ErrKey)

	m.clear()
	tpm = m.reset()
	tpm.boot(t, 11, "system 1")
	check("a cleared TPM", old, ErrOther)
}

// attack asks for a secret as a program does that leaves out init's own checks, with the policy and without. It returns
// how the policy was met, and what the TPM gave out.
func (t *TPM) attack(test *testing.T, sealed Sealed, signed Signed) (met error, got []byte) {
	test.Helper()
	parent, err := t.parent()
	if err != nil {
		test.Fatal(err)
	}
	defer t.flush(parent.handle)
	public, err := tpm2.Unmarshal[tpm2.TPM2BPublic](sealed.Public)
	if err != nil {
		test.Fatal(err)
	}
	private, err := tpm2.Unmarshal[tpm2.TPM2BPrivate](sealed.Private)
	if err != nil {
		test.Fatal(err)
	}
	object, err := tpm2.Load{ParentHandle: tpm2.AuthHandle{Handle: parent.handle, Name: parent.name, Auth: tpm2.PasswordAuth(nil)}, InPrivate: *private, InPublic: *public}.Execute(t.to)
	if err != nil {
		test.Fatal(err)
	}
	defer t.flush(object.ObjectHandle)
	session, end, err := tpm2.PolicySession(t.to, tpm2.TPMAlgSHA256, nonceBytes)
	if err != nil {
		test.Fatal(err)
	}
	defer end()
	met = t.satisfy(session.Handle(), signed)
	for _, auth := range []tpm2.Session{session, tpm2.PasswordAuth(nil)} {
		open, err := tpm2.Unseal{ItemHandle: tpm2.AuthHandle{Handle: object.ObjectHandle, Name: object.Name, Auth: auth}}.Execute(t.to)
		if err == nil {
			return met, open.OutData.Buffer
		}
	}
	return met, nil
}

// The explanation before may be wrong, or left out by a program of an attacker: the TPM itself has to refuse.
func TestTheTPMItselfRefuses(t *testing.T) {
	m, key, other := newMachine(t), newKey(t), newKey(t)
	signed := signedBy(t, key, "system 1")
	tpm := m.reset()
	tpm.boot(t, 11, "system 1")
	sealed, err := tpm.Seal([]byte(secret), signed.Key, signed.KeyID)
	if err != nil {
		t.Fatal(err)
	}
	attack := func(what string, signed Signed) {
		t.Helper()
		if met, got := tpm.attack(t, sealed, signed); got != nil {
			t.Errorf("%s: %v, and the TPM gives out %q", what, met, got)
		}
	}
	tpm = m.reset()
	tpm.boot(t, 11, "foreign")
	attack("a foreign system with our signature", signed)
	attack("a foreign system with its own signature", signedBy(t, other, "foreign"))
	forged := signedBy(t, other, "foreign")
	forged.Key, forged.KeyID = signed.Key, signed.KeyID
	attack("a foreign system with another key's signature in our name", forged)
	tpm = m.reset()
	tpm.boot(t, 11, "system 1")
	tpm.boot(t, 12, "words")
	attack("our system with words", signed)
	tpm = m.reset()
	tpm.boot(t, 11, "system 1")
	if err := tpm.Forget(); err != nil {
		t.Fatal(err)
	}
	attack("a pod after init", signed)
}

func TestSectionsThatAreNotThoseOfASignedSystemAreRefused(t *testing.T) {
	key := newKey(t)
	public, signatures := sections(t, key, "system")
	otherPublic, _ := sections(t, newKey(t), "system")
	small, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		t.Fatal(err)
	}
	smallPublic, smallSignatures := sections(t, small, "system")
	if signed, err := ReadSigned(public, append(signatures, 0)); err != nil || len(signed.Signature) != 256 || len(signed.Policy) != 32 {
		t.Error(signed, err)
	}
	for name, c := range map[string][2][]byte{
		"nothing":        {nil, nil},
		"no signature":   {public, nil},
		"no key":         {nil, signatures},
		"no PEM":         {[]byte("key"), signatures},
		"another key":    {otherPublic, signatures},
		"another size":   {smallPublic, smallSignatures},
		"no JSON":        {public, []byte("{")},
		"another bank":   {public, []byte(strings.Replace(string(signatures), "sha256", "sha1", 1))},
		"another PCR":    {public, []byte(strings.Replace(string(signatures), "[11]", "[7]", 1))},
		"a short policy": {public, []byte(strings.Replace(string(signatures), `"pol":"`, `"pol":"0","x":"`, 1))},
	} {
		if signed, err := ReadSigned(c[0], c[1]); !errors.Is(err, ErrUnsigned) {
			t.Errorf("%s: %+v %v", name, signed, err)
		}
	}
}

// TestWhatSystemdSignsIsRead takes sections that systemd-measure(1) of systemd 257 has made.
func TestWhatSystemdSignsIsRead(t *testing.T) {
	read := func(name string) []byte {
		content, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	signed, err := ReadSigned(read("pcrpkey.pem"), read("pcrsig.json"))
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256(signed.Policy)
	if err := rsa.VerifyPKCS1v15(signed.Key, crypto.SHA256, digest[:], signed.Signature); err != nil {
		t.Error(err)
	}
	value, _ := hex.DecodeString("cace457779e6a812753b1e4e05e7dbbb7c4e2cec74571bab7bd879e95768b2ff") // as it prints PCR 11
	policy, _ := tpm2.NewPolicyCalculator(tpm2.TPMAlgSHA256)
	if err := policyPCR(systemPCR, value).Update(policy); err != nil || !bytes.Equal(policy.Hash().Digest, signed.Policy) {
		t.Error(err)
	}
}

// replies is a TPM that says what it is told to, whatever it is asked.
type replies struct{ rest []byte }

func (r *replies) Write(data []byte) (int, error) { return len(data), nil }

func (r *replies) Read(data []byte) (int, error) {
	if len(r.rest) == 0 {
		return 0, os.ErrClosed
	}
	size := min(int(r.rest[0])*4, len(r.rest)-1, len(data))
	n := copy(data, r.rest[1:1+size])
	r.rest = r.rest[1+size:]
	return n, nil
}

func FuzzReplies(f *testing.F) {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		f.Fatal(err)
	}
	// The reply to a reading of a PCR: its head, a counter, a selection and one digest.
	zeros := "8001" + "0000003e" + "00000000" + "00000001" + "00000001" + "000b" + "03" + "001000" + "00000001" + "0020" + strings.Repeat("00", 32)
	reply, _ := hex.DecodeString(zeros)
	framed := append([]byte{byte((len(reply) + 3) / 4)}, append(reply, 0, 0)...)
	f.Add(framed)
	f.Add(append(append([]byte{}, framed...), framed...))
	f.Add([]byte{3, 0x80, 1, 0, 0, 0, 10, 0, 0, 1, 1, 0, 0})
	signed := Signed{Key: &key.PublicKey, KeyID: "x", Policy: make([]byte, 32), Signature: make([]byte, 256)}
	f.Fuzz(func(t *testing.T, data []byte) {
		open := func() *TPM { return &TPM{&device{file: &replies{data}}} }
		if got, err := open().Unseal(Sealed{KeyID: "x"}, signed); err == nil {
			t.Errorf("%x", got)
		}
		open().Seal([]byte(secret), &key.PublicKey, "x")
		open().Forget()
		if got, err := open().Quote(nil); err == nil && len(got.Signature) != 64 {
			t.Errorf("%+v", got)
		}
	})
}

// mute is a TPM that hangs.
type mute struct{}

func (mute) Write(data []byte) (int, error) { return len(data), nil }
func (mute) Read([]byte) (int, error)       { select {} }

func TestWithoutATPMThereIsNoneAfterTheWait(t *testing.T) {
	if _, err := os.Stat(Device); err == nil {
		t.Skip("this machine has a TPM")
	}
	if _, _, err := Open(30 * time.Millisecond); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestTheNodeIsReadAsAWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo") // which can be polled, as the node of a TPM
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := openBlocking(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	connection, err := file.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var waits bool
	connection.Control(func(fd uintptr) {
		flags, err := unix.FcntlInt(fd, unix.F_GETFL, 0)
		waits = err == nil && flags&unix.O_NONBLOCK == 0
	})
	if !waits {
		t.Error("reading does not wait")
	}
	if _, err := openBlocking(path + "-none"); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestASilentTPMIsAskedOnce(t *testing.T) {
	d := &device{file: mute{}, silent: true}
	if _, err := d.Send(nil); !errors.Is(err, ErrSilent) {
		t.Error(err)
	}
}
