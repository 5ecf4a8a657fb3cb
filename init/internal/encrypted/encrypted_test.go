package encrypted

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"kios.dev/init/internal/blockwrite"
	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/luks"
	"kios.dev/init/internal/tpm"
)

const uuid = "01234567-89ab-4def-8123-456789abcdef"

// chip is a TPM as far as a volume sees it.
type chip struct {
	id     string
	refuse error
}

func (c *chip) Seal(secret []byte, _ *rsa.PublicKey, keyID string) (tpm.Sealed, error) {
	return tpm.Sealed{Public: []byte(c.id), Private: bytes.Clone(secret), KeyID: keyID}, nil
}

func (c *chip) Unseal(sealed tpm.Sealed, signed tpm.Signed) ([]byte, error) {
	switch {
	case sealed.KeyID != signed.KeyID:
		return nil, tpm.ErrKey
	case c.refuse != nil:
		return nil, c.refuse
	case string(sealed.Public) != c.id:
		return nil, tpm.ErrOther
	}
	return sealed.Private, nil
}

// disk is a device in memory that keeps what is written to it.
type disk struct{ data []byte }

func newDisk() *disk { return &disk{make([]byte, luks.DataOffset+8192)} }

func (d *disk) ReadAt(data []byte, at int64) (int, error) {
	return bytes.NewReader(d.data).ReadAt(data, at)
}
func (d *disk) WriteAt(data []byte, at int64) (int, error) { return copy(d.data[at:], data), nil }
func (d *disk) Sync() error                                { return nil }

func machine(id, key string) Machine {
	return Machine{TPM: &chip{id: id}, System: tpm.Signed{KeyID: key}}
}

// made returns a device with a volume whose recovery key somebody has seen.
func made(t *testing.T) (*disk, *Volume, string) {
	t.Helper()
	d := newDisk()
	v, recovery, err := Make(uuid, machine("tpm", "key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(v.Shown(), v.Write(d)); err != nil {
		t.Fatal(err)
	}
	return d, v, recovery
}

func TestTheMachineOpensWhatItHasMade(t *testing.T) {
	d, first, recovery := made(t)
	v, err := Unlock(d, machine("tpm", "key"), "")
	if err != nil || !bytes.Equal(v.Key, first.Key) || v.Recovered {
		t.Fatal(v, err)
	}
	before := bytes.Clone(d.data)
	if again, err := v.NewRecovery(); again != "" || err != nil {
		t.Error(again, err)
	}
	if resealed, err := v.Reseal(machine("tpm", "key")); resealed || err != nil {
		t.Error(resealed, err)
	}
	if err := v.Write(d); err != nil || !bytes.Equal(d.data, before) {
		t.Error("an ordinary boot writes to the header:", err)
	}
	if strings.Contains(string(d.data), recovery) || bytes.Contains(d.data, v.Key) {
		t.Error("a key is on the device")
	}
	m := v.Mapping("/dev/vda2", luks.DataOffset+8192+512)
	if m.Name != "kios-data" || m.UUID != "CRYPT-LUKS2-0123456789ab4def8123456789abcdef-kios-data" || m.Offset != luks.DataOffset || m.Bytes != 8192 || m.SectorSize != 4096 || m.Device != "/dev/vda2" {
		t.Errorf("%+v", m)
	}
}

func TestWithoutTheMachinesKeyARecoveryKeyOpensIt(t *testing.T) {
	for name, c := range map[string]struct {
		m       Machine
		why     error
		code    string
		reseals bool
	}{
		"no TPM":          {m: Machine{NoTPM: os.ErrNotExist, System: tpm.Signed{KeyID: "key"}}, why: os.ErrNotExist, code: fault.CryptTPM},
		"another TPM":     {m: machine("other", "key"), why: tpm.ErrOther, code: fault.CryptTPM, reseals: true},
		"another key":     {m: machine("tpm", "new"), why: tpm.ErrKey, code: fault.CryptSystem, reseals: true},
		"an unsigned EFI": {m: Machine{TPM: &chip{id: "tpm"}, Unsigned: tpm.ErrUnsigned}, why: tpm.ErrUnsigned, code: fault.CryptSystem},
		"another EFI":     {m: Machine{TPM: &chip{"tpm", tpm.ErrSystem}, System: tpm.Signed{KeyID: "key"}}, why: tpm.ErrSystem, code: fault.CryptSystem},
		"words":           {m: Machine{TPM: &chip{"tpm", tpm.ErrWords}, System: tpm.Signed{KeyID: "key"}}, why: tpm.ErrWords, code: fault.CryptWords},
		"a silent TPM":    {m: Machine{TPM: &chip{"tpm", tpm.ErrSilent}, System: tpm.Signed{KeyID: "key"}}, why: tpm.ErrSilent, code: fault.CryptTPM},
	} {
		d, first, recovery := made(t)
		before := bytes.Clone(d.data)
		_, err := Unlock(d, c.m, "")
		var locked *Locked
		if !errors.As(err, &locked) || !errors.Is(locked.Why, c.why) || locked.Key != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if f := Explain("/dev/vda2", locked.Why); f.Code != c.code || f.Remedy == "" {
			t.Errorf("%s: %+v", name, f)
		}
		if _, err := Unlock(d, c.m, "00000-00000-00000-00000-00000-00000-00000-00000"); !errors.As(err, &locked) || !errors.Is(locked.Key, luks.ErrPassphrase) || !errors.Is(locked.Why, c.why) {
			t.Errorf("%s, a wrong key: %v", name, err)
		}
		if !bytes.Equal(d.data, before) {
			t.Errorf("%s: a volume that stays closed was written to", name)
		}
		v, err := Unlock(d, c.m, " "+strings.ToLower(recovery)+"\n")
		if err != nil || !v.Recovered || !bytes.Equal(v.Key, first.Key) || !errors.Is(v.Why, c.why) {
			t.Fatalf("%s: %v", name, err)
		}
		resealed, err := v.Reseal(c.m)
		if resealed != c.reseals || err != nil {
			t.Errorf("%s: resealed %v %v", name, resealed, err)
		}
		if err := v.Write(d); err != nil {
			t.Fatal(err)
		}
		again, err := Unlock(d, c.m, "")
		if c.reseals != (err == nil) || err == nil && !bytes.Equal(again.Key, first.Key) {
			t.Errorf("%s: the next boot: %v", name, err)
		}
		if v, err := Unlock(d, c.m, recovery); err != nil || !bytes.Equal(v.Key, first.Key) {
			t.Errorf("%s: the recovery key afterwards: %v", name, err)
		}
	}
}

func TestAPassphraseThatSomebodyAddedOpensItToo(t *testing.T) {
	d, v, _ := made(t)
	if _, err := v.add([]byte("correct horse ")); err != nil {
		t.Fatal(err)
	}
	if err := v.Write(d); err != nil {
		t.Fatal(err)
	}
	if v, err := Unlock(d, Machine{NoTPM: os.ErrNotExist}, "correct horse \r\n"); err != nil || !v.Recovered {
		t.Error(err)
	}
}

func TestTheTPMsSecretIsNoRecoveryKey(t *testing.T) {
	d, v, _ := made(t)
	var token sealedToken
	if err := json.Unmarshal(v.Header.Tokens(sealedType)[0].Raw, &token); err != nil {
		t.Fatal(err)
	}
	if _, err := Unlock(d, Machine{NoTPM: os.ErrNotExist}, string(token.Private)); err == nil {
		t.Error("it opens the volume")
	}
}

func TestARecoveryKeyThatNobodySawIsReplaced(t *testing.T) {
	d := newDisk()
	v, unseen, err := Make(uuid, machine("tpm", "key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Write(d); err != nil { // and then the power goes
		t.Fatal(err)
	}
	v, err = Unlock(d, machine("tpm", "key"), "")
	if err != nil {
		t.Fatal(err)
	}
	seen, err := v.NewRecovery()
	if err != nil || seen == "" || seen == unseen {
		t.Fatal(seen, err)
	}
	if err := errors.Join(v.Write(d), v.Shown(), v.Write(d)); err != nil {
		t.Fatal(err)
	}
	if _, err := Unlock(d, Machine{NoTPM: os.ErrNotExist}, seen); err != nil {
		t.Error(err)
	}
	if _, err := Unlock(d, Machine{NoTPM: os.ErrNotExist}, unseen); err == nil {
		t.Error("the key that nobody saw opens the volume")
	}
	v, err = Unlock(d, machine("tpm", "key"), "")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := v.NewRecovery(); again != "" || err != nil {
		t.Error(again, err)
	}
}

func TestNoVolumeIsMadeThatTheMachineCannotOpen(t *testing.T) {
	for name, c := range map[string]struct {
		m    Machine
		want error
	}{
		"no TPM":          {Machine{NoTPM: os.ErrNotExist}, os.ErrNotExist},
		"an unsigned EFI": {Machine{TPM: &chip{id: "tpm"}, Unsigned: tpm.ErrUnsigned}, tpm.ErrUnsigned},
		"words":           {Machine{TPM: &chip{"tpm", tpm.ErrWords}}, tpm.ErrWords},
	} {
		if v, key, err := Make(uuid, c.m); !errors.Is(err, c.want) || v != nil || key != "" {
			t.Errorf("%s: %v %q %v", name, v, key, err)
		}
	}
}

func TestADamagedHeaderIsToldAndNotWritten(t *testing.T) {
	d, first, _ := made(t)
	d.data[450] ^= 1
	v, err := Unlock(d, machine("tpm", "key"), "")
	if err != nil || !bytes.Equal(v.Key, first.Key) {
		t.Fatal(err)
	}
	if err := v.Write(d); err != nil {
		t.Fatal(err)
	}
	if _, stale, err := luks.Read(d); stale || err != nil {
		t.Error("the damaged copy is not mended", err)
	}
	d.data[450] ^= 1
	d.data[16384+450] ^= 1
	before := bytes.Clone(d.data)
	var locked *Locked
	if _, err := Unlock(d, machine("tpm", "key"), "x"); !errors.As(err, &locked) || Explain("/dev/vda2", locked.Why).Code != fault.CryptHeader {
		t.Error(err)
	}
	if !bytes.Equal(d.data, before) {
		t.Error("it was written to")
	}
}

func TestAPowerCutWhileAVolumeIsMadeLeavesTheOldContentOrTheVolume(t *testing.T) {
	v, _, err := Make(uuid, machine("tpm", "key"))
	if err != nil {
		t.Fatal(err)
	}
	header, err := v.Header.Writes()
	if err != nil {
		t.Fatal(err)
	}
	plan := append(slices.Clone(v.writes), header...)
	for n := range plan {
		d := newDisk()
		if err := blockwrite.Apply(d, plan[:n]); err != nil {
			t.Fatal(err)
		}
		got, err := Unlock(d, machine("tpm", "key"), "")
		switch first := bytes.Equal(d.data[:16384], make([]byte, 16384)); {
		case err == nil && bytes.Equal(got.Key, v.Key):
		case errors.Is(err, luks.ErrNone) && first:
		default:
			t.Errorf("after %d writes: %v", n, err)
		}
	}
}

type vector struct {
	Name  string
	Bytes int64
	Parts []struct {
		Offset, Zeros int64
		Content       string
	}
	Encoded string
}

func TestTheImageOfAnEmptyFileSystemIsReadAsTheVectorsSay(t *testing.T) {
	text, err := os.ReadFile("../../../packages/host-api/vectors/data-image.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors struct{ Valid, Invalid []vector }
	if err := json.Unmarshal(text, &vectors); err != nil || len(vectors.Valid) == 0 || len(vectors.Invalid) == 0 {
		t.Fatal(err)
	}
	decode := func(text string) []byte { data, _ := hex.DecodeString(text); return data }
	for _, v := range vectors.Valid {
		image, err := ReadImage(decode(v.Encoded))
		if err != nil || image.Bytes != v.Bytes {
			t.Fatalf("%s: %+v %v", v.Name, image, err)
		}
		noise := make([]byte, v.Bytes)
		rand.Read(noise)
		want, d := bytes.Clone(noise), &disk{bytes.Clone(noise)}
		for _, p := range v.Parts {
			clear(want[p.Offset : p.Offset+p.Zeros])
			copy(want[p.Offset:], decode(p.Content))
		}
		if err := image.Write(d); err != nil || !bytes.Equal(d.data, want) {
			t.Errorf("%s: %v", v.Name, err)
		}
	}
	for _, v := range vectors.Invalid {
		if image, err := ReadImage(decode(v.Encoded)); !errors.Is(err, errImage) {
			t.Errorf("%s: %+v %v", v.Name, image, err)
		}
	}
}

func FuzzReadImage(f *testing.F) {
	f.Add([]byte("kiosimg1\x00\x10\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if image, err := ReadImage(data); err == nil && image.Bytes < 1<<20 {
			if err := image.Write(&disk{make([]byte, image.Bytes)}); err != nil {
				t.Error(err)
			}
		}
	})
}
