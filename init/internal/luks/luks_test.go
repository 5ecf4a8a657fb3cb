package luks

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kios.dev/init/internal/blockwrite"
)

const uuid = "01234567-89ab-4def-8123-456789abcdef"

// disk is a device in memory.
type disk []byte

func (d disk) ReadAt(data []byte, at int64) (int, error) { return bytes.NewReader(d).ReadAt(data, at) }

func (d disk) apply(plan []blockwrite.Write) {
	for _, write := range plan {
		copy(d[write.Offset:], write.Data)
	}
}

// makeVolume returns a device with a volume whose key two secrets open, of which one has a token.
func makeVolume(t *testing.T) (d disk, key Key) {
	t.Helper()
	d, key = make(disk, DataOffset+1<<20), NewKey()
	h := New(uuid, "kios-data", key)
	for _, secret := range []string{"sealed", "recovery"} {
		_, writes, err := h.AddKey(key, []byte(secret))
		if err != nil {
			t.Fatal(err)
		}
		d.apply(writes)
	}
	if err := h.SetToken("", map[string]any{"type": "kios-tpm2", "keyslots": []string{"0"}, "blob": "x"}); err != nil {
		t.Fatal(err)
	}
	d.apply(writesOf(t, h))
	return d, key
}

func writesOf(t *testing.T, h *Header) []blockwrite.Write {
	t.Helper()
	writes, err := h.Writes()
	if err != nil {
		t.Fatal(err)
	}
	return writes
}

func read(t *testing.T, d disk) *Header {
	t.Helper()
	h, _, err := Read(d)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestAVolumeOpensWithEachOfItsSecrets(t *testing.T) {
	d, key := makeVolume(t)
	h, stale, err := Read(d)
	if err != nil || stale || h.UUID != uuid {
		t.Fatal(h, stale, err)
	}
	for slot, secret := range map[string]string{"0": "sealed", "1": "recovery"} {
		if got, err := h.Open(d, slot, []byte(secret)); err != nil || !bytes.Equal(got, key) {
			t.Errorf("%s: %v", secret, err)
		}
	}
	if _, err := h.Open(d, "0", []byte("recovery")); !errors.Is(err, ErrPassphrase) {
		t.Error(err)
	}
	if got, err := h.OpenAny(d, []byte("recovery"), []string{"0"}); err != nil || !bytes.Equal(got, key) {
		t.Error(err)
	}
	if _, err := h.OpenAny(d, []byte("sealed"), []string{"0"}); !errors.Is(err, ErrPassphrase) {
		t.Error(err)
	}
	tokens := h.Tokens("kios-tpm2")
	if len(tokens) != 1 || !slices.Equal(tokens[0].Keyslots, []string{"0"}) || h.Tokens("other") != nil {
		t.Errorf("%+v", tokens)
	}
	if c := h.Content(); c != (Content{"aes-xts-plain64", 16 << 20, 4096}) {
		t.Errorf("%+v", c)
	}
}

func TestADeviceWithoutAHeaderHasNone(t *testing.T) {
	for name, d := range map[string]disk{"zeros": make(disk, 5<<20), "noise": random(5 << 20)} {
		if _, _, err := Read(d); !errors.Is(err, ErrNone) {
			t.Errorf("%s: %v", name, err)
		}
		if looks, err := Looks(d); looks || err != nil {
			t.Errorf("%s: %v %v", name, looks, err)
		}
	}
	if _, err := Looks(make(disk, 3)); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}

func TestOneDamagedCopyIsMendedFromTheOther(t *testing.T) {
	for name, at := range map[string]int{
		"first, magic": 0, "first, checksum": 450, "first, JSON": 5000, "second, magic": 16384, "second, JSON": 16384 + 5000,
	} {
		d, key := makeVolume(t)
		d[at] ^= 1
		h, stale, err := Read(d)
		if err != nil || !stale {
			t.Fatalf("%s: %v %v", name, stale, err)
		}
		d.apply(writesOf(t, h))
		mended, stale, err := Read(d)
		if err != nil || stale {
			t.Fatalf("%s: %v %v", name, stale, err)
		}
		if got, err := mended.Open(d, "1", []byte("recovery")); err != nil || !bytes.Equal(got, key) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTwoDamagedCopiesAreADamagedHeaderAndNoEmptyDevice(t *testing.T) {
	d, _ := makeVolume(t)
	d[450] ^= 1
	d[16384+450] ^= 1
	if _, _, err := Read(d); !errors.Is(err, ErrDamaged) {
		t.Error(err)
	}
	if looks, err := Looks(d); !looks || err != nil {
		t.Error(looks, err)
	}
}

// cuts yields what is on the device when the power fails in a plan: before and after each sector of a header, and here
// and there in a keyslot, in either order.
func cuts(d disk, plan []blockwrite.Write, yield func(disk)) {
	before := slices.Clone(d)
	for _, write := range plan {
		step := 512
		if len(write.Data) > headerBytes {
			step = 129024
		}
		for n := 0; n <= len(write.Data); n += step {
			first, last := slices.Clone(before), slices.Clone(before)
			copy(first[write.Offset:], write.Data[:n])
			copy(last[write.Offset+int64(len(write.Data)-n):], write.Data[len(write.Data)-n:])
			yield(first)
			yield(last)
		}
		copy(before[write.Offset:], write.Data)
	}
}

func TestAPowerCutWhileAVolumeIsMadeLeavesNoneOrAWholeOne(t *testing.T) {
	full, key := makeVolume(t)
	plan := writesOf(t, read(t, full))
	// As when a new header is written: the keyslots are there, and no copy.
	fresh := slices.Clone(full)
	clear(fresh[:32768])
	slices.SortFunc(plan, func(a, b blockwrite.Write) int { return int(b.Offset - a.Offset) })
	whole := 0
	cuts(fresh[:1<<20], plan, func(d disk) {
		h, _, err := Read(d)
		switch {
		case err == nil:
			if whole++; whole%16 != 1 {
				return
			}
			if got, err := h.Open(d, "0", []byte("sealed")); err != nil || !bytes.Equal(got, key) {
				t.Fatal(err)
			}
		case errors.Is(err, ErrNone):
		case errors.Is(err, ErrDamaged): // the second copy, half written: the first place is still untouched
			if !bytes.Equal(d[:16384], fresh[:16384]) {
				t.Fatal("the first copy was begun before the second was whole")
			}
		default:
			t.Fatal(err)
		}
	})
	if whole < 32 {
		t.Error(whole)
	}
}

func TestANewHeaderIsWrittenSecondCopyFirst(t *testing.T) {
	if plan := writesOf(t, New(uuid, "", NewKey())); plan[0].Offset != 16384 || plan[1].Offset != 0 {
		t.Error(plan[0].Offset, plan[1].Offset)
	}
}

func TestAPowerCutWhileAKeyIsReplacedLosesNoKey(t *testing.T) {
	d, key := makeVolume(t)
	for round, from := range []int{0, 16384} { // the copy that was read is the first, and the second
		d := slices.Clone(d)
		if from != 0 {
			d[450] ^= 1
		}
		h := read(t, d)
		h.RemoveKey("0")
		slot, writes, err := h.AddKey(key, []byte("new"))
		if err != nil || slot != "0" {
			t.Fatal(slot, err)
		}
		plan := append(writes, writesOf(t, h)...)
		cut := 0
		cuts(d[:2<<20], plan, func(d disk) {
			h, _, err := Read(d)
			if err != nil {
				t.Fatal(round, err)
			}
			if cut++; cut%16 != 1 {
				return
			}
			if got, err := h.Open(d, "1", []byte("recovery")); err != nil || !bytes.Equal(got, key) {
				t.Fatal(round, err)
			}
		})
		d.apply(plan)
		if got, err := read(t, d).Open(d, "0", []byte("new")); err != nil || !bytes.Equal(got, key) {
			t.Error(err)
		}
	}
}

func TestXTSIsThatOfTheStandard(t *testing.T) {
	decode := func(text string) []byte { b, _ := hex.DecodeString(text); return b }
	key := decode("27182818284590452353602874713526624977572470936999595749669676273141592653589793238462643383279502884197169399375105820974944592")
	data := make([]byte, 256*areaSector)
	last := data[255*areaSector:]
	for i := range last {
		last[i] = byte(i)
	}
	plain := bytes.Clone(data)
	mode, err := newXTS(key)
	if err != nil {
		t.Fatal(err)
	}
	mode.encrypt(data)
	if want := decode("1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b"); !bytes.Equal(last[:32], want) {
		t.Errorf("%x", last[:32]) // vector 10 of IEEE 1619
	}
	mode.decrypt(data)
	if !bytes.Equal(data, plain) {
		t.Error("decryption is not the inverse of encryption")
	}
}

func TestARecoveryKeyIsTakenHoweverAPersonWritesIt(t *testing.T) {
	key := NewRecoveryKey()
	if again, err := ParseRecoveryKey(key); err != nil || again != key || len(key) != 47 {
		t.Error(key, again, err)
	}
	const want = "0123A-BCDEF-01101-GHJKM-NPQRS-TVWXY-Z0000-12345"
	for _, text := range []string{
		want, strings.ToLower(want) + "\r\n", "\ufeff" + strings.ReplaceAll(want, "-", " "), strings.ReplaceAll(want, "-", ""),
		"o123a-bcdef-oiLol-ghjkm-npqrs-tvwxy-z0000-12345",
	} {
		if got, err := ParseRecoveryKey(text); err != nil || got != want {
			t.Errorf("%q: %s %v", text, got, err)
		}
	}
	for _, text := range []string{"", want[:46], want + "0", strings.Replace(want, "A", "U", 1), strings.Replace(want, "A", "ä", 1)} {
		if got, err := ParseRecoveryKey(text); !errors.Is(err, ErrRecoveryKey) {
			t.Errorf("%q: %s %v", text, got, err)
		}
	}
}

// TestCryptsetupReadsWhatInitWrites has upstream's program judge the header, and open it with both secrets.
func TestCryptsetupReadsWhatInitWrites(t *testing.T) {
	program := cryptsetup(t)
	d, key := makeVolume(t)
	h := read(t, d)
	h.RemoveKey("0")
	_, writes, err := h.AddKey(key, []byte("\x00\n\xff binary"))
	if err != nil {
		t.Fatal(err)
	}
	d.apply(writes)
	if err := h.SetToken("0", map[string]any{"type": "kios-tpm2", "keyslots": []string{"0"}}); err != nil {
		t.Fatal(err)
	}
	d.apply(writesOf(t, h))
	file := filepath.Join(t.TempDir(), "volume")
	if err := os.WriteFile(file, d, 0o600); err != nil {
		t.Fatal(err)
	}
	dump := program(t, nil, "luksDump", "--dump-json-metadata", file)
	var m metadata
	if err := json.Unmarshal(dump, &m); err != nil || len(m.Keyslots) != 2 || len(m.Tokens) != 1 {
		t.Errorf("%v: %s", err, dump)
	}
	for _, secret := range []string{"\x00\n\xff binary", "recovery"} {
		program(t, []byte(secret), "open", "--test-passphrase", "--key-file=-", "--disable-external-tokens", file)
	}
	if now := read(t, mustRead(t, file)); now.seq != h.seq {
		t.Error("cryptsetup has found something to repair")
	}
	// What cryptsetup adds, init keeps and opens.
	key2 := filepath.Join(t.TempDir(), "second")
	if err := os.WriteFile(key2, []byte("second"), 0o600); err != nil {
		t.Fatal(err)
	}
	program(t, []byte("recovery"), "luksAddKey", "--key-file=-", "--pbkdf=pbkdf2", "--pbkdf-force-iterations=1000", "--hash=sha256", file, key2)
	d = mustRead(t, file)
	if got, err := read(t, d).OpenAny(d, []byte("second"), nil); err != nil || !bytes.Equal(got, key) {
		t.Error(err)
	}
}

func mustRead(t *testing.T, file string) disk {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// cryptsetup returns upstream's program, or skips the test.
func cryptsetup(t *testing.T) func(t *testing.T, input []byte, args ...string) []byte {
	t.Helper()
	path, err := exec.LookPath("cryptsetup")
	if err != nil {
		if os.Getenv("KIOS_REQUIRE_ROOT") == "1" {
			t.Fatal("needs Debian's cryptsetup-bin")
		}
		t.Skip("needs Debian's cryptsetup-bin")
	}
	return func(t *testing.T, input []byte, args ...string) []byte {
		t.Helper()
		command := exec.Command(path, append([]string{"--batch-mode"}, args...)...)
		command.Stdin = bytes.NewReader(input)
		var said, failed bytes.Buffer
		command.Stdout, command.Stderr = &said, &failed
		if err := command.Run(); err != nil {
			t.Fatalf("cryptsetup %s: %v\n%s", strings.Join(args, " "), err, failed.String())
		}
		return said.Bytes()
	}
}

func FuzzRead(f *testing.F) {
	h := New(uuid, "", make(Key, keyBytes))
	h.AddKey(make(Key, keyBytes), []byte("x"))
	one, _ := h.encode(0, primaryMagic)
	f.Add(one[binaryBytes : binaryBytes+2000])
	f.Add([]byte(`{"keyslots":{"0":{"type":"luks2","area":{"offset":"9223372036854775807","size":"1"}}},"segments":{"0":{}},"config":{}}`))
	f.Fuzz(func(t *testing.T, json []byte) {
		all := bytes.Clone(one)
		clear(all[binaryBytes:])
		copy(all[binaryBytes:], json)
		sum := checksum(all)
		copy(all[sumAt:], sum[:])
		d := make(disk, 1<<20)
		copy(d, all)
		h, _, err := Read(d)
		if err != nil {
			return
		}
		h.OpenAny(d, []byte("x"), nil)
		h.Content()
		h.Tokens("kios-tpm2")
		h.AddKey(make(Key, keyBytes), []byte("y"))
		h.RemoveKey("0")
		h.Writes()
	})
}
