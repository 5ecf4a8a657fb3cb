package luks

import (
	"bytes"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"kios.dev/init/internal/blockwrite"
)

// Key is a volume key: the one with which the kernel encrypts the content.
type Key []byte

// NewKey returns a random volume key.
func NewKey() Key {
	key := make(Key, keyBytes)
	rand.Read(key) // never fails
	return key
}

// New returns the header of a new volume, which has no keyslot yet. The kernel encrypts sectors of 4 KiB.
func New(uuid, label string, key Key) *Header {
	salt := random(saltBytes)
	h := &Header{UUID: uuid, bytes: headerBytes, label: label, from: -1, meta: metadata{
		Keyslots: map[string]json.RawMessage{},
		Tokens:   map[string]json.RawMessage{},
		Segments: map[string]json.RawMessage{"0": encoded(segment{Type: "crypt", Offset: DataOffset, Size: "dynamic", Tweak: "0", Encryption: encryption, SectorSize: 4096})},
		Digests: map[string]json.RawMessage{"0": encoded(digest{
			Type: "pbkdf2", Keyslots: []string{}, Segments: []string{"0"}, Hash: "sha256", Iterations: iterations, Salt: salt, Digest: derive(key, salt, iterations, sha256.Size),
		})},
		Config: encoded(config{JSONSize: strconv.Itoa(headerBytes - binaryBytes), KeyslotsSize: strconv.Itoa(slotsBytes)}),
	}}
	return h
}

func random(n int) []byte {
	data := make([]byte, n)
	rand.Read(data)
	return data
}

func derive(secret, salt []byte, iterations, length int) []byte {
	key, err := pbkdf2.Key(sha256.New, string(secret), salt, iterations, length)
	if err != nil {
		panic(err) // only for lengths that no caller asks for
	}
	return key
}

// AddKey gives the volume key a further keyslot, which the secret opens. The writes come before those of the header.
func (h *Header) AddKey(key Key, secret []byte) (slot string, writes []blockwrite.Write, err error) {
	offset, err := h.freeArea()
	if err != nil {
		return "", nil, err
	}
	slot = free(h.meta.Keyslots)
	k := keyslot{
		Type: "luks2", KeySize: len(key), AF: af{"luks1", stripes, "sha256"},
		Area: area{"raw", offset, areaBytes, encryption, keyBytes}, KDF: kdf{"pbkdf2", "sha256", iterations, random(saltBytes)},
	}
	mode, err := newXTS(derive(secret, k.KDF.Salt, k.KDF.Iterations, keyBytes))
	if err != nil {
		return "", nil, err
	}
	content := make([]byte, areaBytes)
	copy(content, split(key, stripes))
	mode.encrypt(content[:stripes*keyBytes])
	if err := h.assign(slot); err != nil {
		return "", nil, err
	}
	h.meta.Keyslots[slot] = encoded(k)
	h.seq++
	return slot, []blockwrite.Write{{Offset: offset, Data: content}}, nil
}

// assign has the digest of the content's key count for one more keyslot.
func (h *Header) assign(slot string) error {
	for id, raw := range h.meta.Digests {
		var d digest
		if err := json.Unmarshal(raw, &d); err != nil {
			return err
		}
		if slices.Contains(d.Segments, "0") {
			d.Keyslots = append(d.Keyslots, slot)
			h.meta.Digests[id] = encoded(d)
			return nil
		}
	}
	return fmt.Errorf("%w: the content has no digest", ErrUnsupported)
}

// freeArea returns a place for a keyslot that no other one uses.
func (h *Header) freeArea() (int64, error) {
	s, err := h.meta.segment()
	if err != nil {
		return 0, err
	}
	type taken struct{ from, to int64 }
	var used []taken
	for _, raw := range h.meta.Keyslots {
		var k struct {
			Area struct {
				Offset int64 `json:"offset,string"`
				Size   int64 `json:"size,string"`
			} `json:"area"`
		}
		if err := json.Unmarshal(raw, &k); err != nil {
			return 0, fmt.Errorf("%w: %w", ErrUnsupported, err)
		}
		if k.Area.Offset < 0 || k.Area.Size < 0 || k.Area.Offset > s.Offset || k.Area.Size > s.Offset-k.Area.Offset {
			return 0, fmt.Errorf("%w: a keyslot lies in the content", ErrUnsupported)
		}
		used = append(used, taken{k.Area.Offset, k.Area.Offset + k.Area.Size})
	}
	for at := 2 * h.bytes; at+areaBytes <= s.Offset; at += areaBytes {
		if !slices.ContainsFunc(used, func(t taken) bool { return at < t.to && t.from < at+areaBytes }) {
			return at, nil
		}
	}
	return 0, fmt.Errorf("%w: it has no room for a keyslot", ErrUnsupported)
}

// RemoveKey removes a keyslot. Its place is not cleared: the key that opened it is gone.
func (h *Header) RemoveKey(slot string) {
	delete(h.meta.Keyslots, slot)
	for id, raw := range h.meta.Digests {
		var d digest
		if json.Unmarshal(raw, &d) == nil {
			d.Keyslots = slices.DeleteFunc(d.Keyslots, func(one string) bool { return one == slot })
			h.meta.Digests[id] = encoded(d)
		}
	}
	h.seq++
}

// Open returns the volume key out of a keyslot.
func (h *Header) Open(device io.ReaderAt, slot string, secret []byte) (Key, error) {
	k, err := h.meta.slot(slot)
	if err != nil {
		return nil, err
	}
	d, err := h.meta.digestOf(slot)
	if err != nil {
		return nil, err
	}
	content := make([]byte, (k.AF.Stripes*k.KeySize+areaSector-1)/areaSector*areaSector)
	if _, err := device.ReadAt(content, k.Area.Offset); err != nil {
		return nil, err
	}
	mode, err := newXTS(derive(secret, k.KDF.Salt, k.KDF.Iterations, keyBytes))
	if err != nil {
		return nil, err
	}
	mode.decrypt(content)
	key := merge(content[:k.AF.Stripes*k.KeySize], k.KeySize)
	if !hmac.Equal(derive(key, d.Salt, d.Iterations, len(d.Digest)), d.Digest) {
		return nil, ErrPassphrase
	}
	return key, nil
}

// OpenAny tries a secret with each keyslot that is not excepted.
func (h *Header) OpenAny(device io.ReaderAt, secret []byte, except []string) (Key, error) {
	failed := ErrPassphrase
	for _, slot := range ids(h.meta.Keyslots) {
		if slices.Contains(except, slot) {
			continue
		}
		key, err := h.Open(device, slot, secret)
		if err == nil {
			return key, nil
		}
		if !errors.Is(err, ErrUnsupported) {
			failed = err
		}
	}
	return nil, failed
}

// Token is a note in the header of how to get the secret of its keyslots.
type Token struct {
	ID       string
	Keyslots []string
	Raw      json.RawMessage
}

// Tokens returns the tokens of a type.
func (h *Header) Tokens(kind string) []Token {
	var found []Token
	for _, id := range ids(h.meta.Tokens) {
		var t struct {
			Type     string   `json:"type"`
			Keyslots []string `json:"keyslots"`
		}
		raw := h.meta.Tokens[id]
		if json.Unmarshal(raw, &t) == nil && t.Type == kind {
			found = append(found, Token{id, t.Keyslots, bytes.Clone(raw)})
		}
	}
	return found
}

// SetToken replaces the token with this number, or adds one for an empty number. It has to have the keys `type` and
// `keyslots`.
func (h *Header) SetToken(id string, token any) error {
	raw, err := json.Marshal(token)
	if err != nil {
		return err
	}
	if id == "" {
		id = free(h.meta.Tokens)
	}
	h.meta.Tokens[id] = raw
	h.seq++
	return nil
}

// Content says how the kernel opens the content.
type Content struct {
	Cipher     string
	Offset     int64 // bytes
	SectorSize int   // bytes
}

// Content returns how the kernel opens the content.
func (h *Header) Content() Content {
	s, _ := h.meta.segment() // checked when it was read
	return Content{s.Encryption, s.Offset, s.SectorSize}
}
