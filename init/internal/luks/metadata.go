package luks

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

const (
	encryption = "aes-xts-plain64"
	// keyBytes is the length of a volume key: two keys of AES-256.
	keyBytes = 64
	// DataOffset is where the content begins, in bytes, as in what cryptsetup makes.
	DataOffset  = 16 << 20
	headerBytes = leastBytes
	slotsBytes  = DataOffset - 2*headerBytes
	stripes     = 4000
	areaBytes   = (stripes*keyBytes + 4095) / 4096 * 4096
	mostSlots   = 32
	saltBytes   = 32
	// iterations is the least that cryptsetup takes. It is enough: each key that init makes is random, and too long to
	// be guessed however fast a guess is.
	iterations = 1000
	// mostIterations bounds what a header may ask of process 1: a second or two.
	mostIterations = 4_000_000
)

// metadata is the part of a header in JSON (specification, section 3). What init does not know stays as it is.
type metadata struct {
	Keyslots map[string]json.RawMessage `json:"keyslots"`
	Tokens   map[string]json.RawMessage `json:"tokens"`
	Segments map[string]json.RawMessage `json:"segments"`
	Digests  map[string]json.RawMessage `json:"digests"`
	Config   json.RawMessage            `json:"config"`
}

type keyslot struct {
	Type    string `json:"type"`
	KeySize int    `json:"key_size"`
	AF      af     `json:"af"`
	Area    area   `json:"area"`
	KDF     kdf    `json:"kdf"`
}

type af struct {
	Type    string `json:"type"`
	Stripes int    `json:"stripes"`
	Hash    string `json:"hash"`
}

type area struct {
	Type       string `json:"type"`
	Offset     int64  `json:"offset,string"`
	Size       int64  `json:"size,string"`
	Encryption string `json:"encryption"`
	KeySize    int    `json:"key_size"`
}

type kdf struct {
	Type       string `json:"type"`
	Hash       string `json:"hash"`
	Iterations int    `json:"iterations"`
	Salt       []byte `json:"salt"`
}

type segment struct {
	Type       string          `json:"type"`
	Offset     int64           `json:"offset,string"`
	Size       string          `json:"size"`
	Tweak      string          `json:"iv_tweak"`
	Encryption string          `json:"encryption"`
	SectorSize int             `json:"sector_size"`
	Integrity  json.RawMessage `json:"integrity,omitempty"`
}

type digest struct {
	Type       string   `json:"type"`
	Keyslots   []string `json:"keyslots"`
	Segments   []string `json:"segments"`
	Hash       string   `json:"hash"`
	Iterations int      `json:"iterations"`
	Salt       []byte   `json:"salt"`
	Digest     []byte   `json:"digest"`
}

type config struct {
	JSONSize     string `json:"json_size"`
	KeyslotsSize string `json:"keyslots_size"`
	// Requirements are what a program must know to use the volume.
	Requirements struct {
		Mandatory []string `json:"mandatory"`
	} `json:"requirements,omitzero"`
}

// parse reads the JSON, which ends in a zero, and refuses what init cannot use as a whole.
func parse(field []byte) (metadata, error) {
	content, rest, _ := bytes.Cut(field, []byte{0})
	if len(bytes.Trim(rest, "\x00")) > 0 {
		return metadata{}, fmt.Errorf("%w: something follows its JSON", ErrUnsupported)
	}
	var m metadata
	var c config
	if err := json.Unmarshal(content, &m); err != nil {
		return m, fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	if err := json.Unmarshal(m.Config, &c); err != nil {
		return m, fmt.Errorf("%w: its config: %w", ErrUnsupported, err)
	}
	if len(c.Requirements.Mandatory) > 0 {
		return m, fmt.Errorf("%w: it requires %q", ErrUnsupported, c.Requirements.Mandatory)
	}
	if m.Keyslots == nil || m.Tokens == nil || m.Digests == nil {
		return m, fmt.Errorf("%w: a part of it is missing", ErrUnsupported)
	}
	if len(m.Keyslots) > mostSlots || len(m.Tokens) > mostSlots {
		return m, fmt.Errorf("%w: too many keyslots or tokens", ErrUnsupported)
	}
	_, err := m.segment()
	return m, err
}

func (m metadata) encode() ([]byte, error) { return json.Marshal(m) }

// segment returns the only one, which has the content.
func (m metadata) segment() (s segment, err error) {
	raw, ok := m.Segments["0"]
	if !ok || len(m.Segments) != 1 {
		return s, fmt.Errorf("%w: it has %d segments", ErrUnsupported, len(m.Segments))
	}
	if err := json.Unmarshal(raw, &s); err != nil {
		return s, fmt.Errorf("%w: its segment: %w", ErrUnsupported, err)
	}
	known := s.Type == "crypt" && s.Size == "dynamic" && s.Tweak == "0" && s.Encryption == encryption && s.Integrity == nil
	if !known || s.SectorSize != 512 && s.SectorSize != 4096 || s.Offset <= 0 || s.Offset%4096 != 0 {
		return s, fmt.Errorf("%w: its segment is %s", ErrUnsupported, raw)
	}
	return s, nil
}

// slot returns a keyslot that init can open.
func (m metadata) slot(id string) (k keyslot, err error) {
	raw, ok := m.Keyslots[id]
	if !ok {
		return k, fmt.Errorf("%w: there is no keyslot %s", ErrUnsupported, id)
	}
	if err := json.Unmarshal(raw, &k); err != nil {
		return k, fmt.Errorf("%w: keyslot %s: %w", ErrUnsupported, id, err)
	}
	known := k.Type == "luks2" && k.KeySize == keyBytes &&
		k.AF.Type == "luks1" && k.AF.Hash == "sha256" && k.AF.Stripes >= 1 && k.AF.Stripes <= stripes &&
		k.Area.Type == "raw" && k.Area.Encryption == encryption && k.Area.KeySize == keyBytes &&
		k.Area.Offset >= 2*leastBytes && k.Area.Offset < mostBytes*32 && k.Area.Size >= int64(k.AF.Stripes*k.KeySize) &&
		k.KDF.Type == "pbkdf2" && k.KDF.Hash == "sha256" && k.KDF.Iterations >= 1 && k.KDF.Iterations <= mostIterations
	if !known {
		return k, fmt.Errorf("%w: keyslot %s", ErrUnsupported, id)
	}
	return k, nil
}

// digestOf returns the digest of the key that a keyslot holds.
func (m metadata) digestOf(id string) (d digest, err error) {
	for _, raw := range m.Digests {
		if err := json.Unmarshal(raw, &d); err != nil {
			return d, fmt.Errorf("%w: a digest: %w", ErrUnsupported, err)
		}
		if slices.Contains(d.Keyslots, id) && slices.Contains(d.Segments, "0") {
			if d.Type != "pbkdf2" || d.Hash != "sha256" || d.Iterations < 1 || d.Iterations > mostIterations || len(d.Digest) == 0 || len(d.Digest) > keyBytes {
				return d, fmt.Errorf("%w: the digest of keyslot %s", ErrUnsupported, id)
			}
			return d, nil
		}
		d = digest{}
	}
	return d, fmt.Errorf("%w: keyslot %s has no digest", ErrUnsupported, id)
}

// ids returns the keys of a map of the header, in the order of their numbers.
func ids(of map[string]json.RawMessage) []string {
	var names []string
	for name := range of {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return bytes.Compare([]byte(a), []byte(b))
	})
	return names
}

// free returns the lowest number that a map does not have.
func free(of map[string]json.RawMessage) string {
	for i := 0; ; i++ {
		if name := strconv.Itoa(i); of[name] == nil {
			return name
		}
	}
}

func encoded(value any) json.RawMessage {
	raw, _ := json.Marshal(value) // fails for no type of this file
	return raw
}
