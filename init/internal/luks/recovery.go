package luks

import (
	"crypto/rand"
	"errors"
	"strings"
)

const (
	// alphabet is Crockford's: without I, L, O and U, which look like others.
	alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	groups   = 8
	perGroup = 5
)

// ErrRecoveryKey means that a text is no recovery key.
var ErrRecoveryKey = errors.New("it is not 8 groups of 5 letters and digits")

// NewRecoveryKey returns a key of 200 random bits that a person can write down. It opens the volume in cryptsetup(8)
// too, as it is.
func NewRecoveryKey() string {
	data := make([]byte, groups*perGroup)
	rand.Read(data)
	for i := range data {
		data[i] = alphabet[data[i]%byte(len(alphabet))]
	}
	return inGroups(string(data))
}

func inGroups(letters string) string {
	var parts []string
	for at := 0; at < len(letters); at += perGroup {
		parts = append(parts, letters[at:at+perGroup])
	}
	return strings.Join(parts, "-")
}

// ParseRecoveryKey returns the key in the form in which it was shown, whatever a person has made of letters that look
// alike, of case and of what is between groups.
func ParseRecoveryKey(text string) (string, error) {
	var letters strings.Builder
	for _, c := range strings.ToUpper(text) {
		switch {
		case c == 'O':
			c = '0'
		case c == 'I' || c == 'L':
			c = '1'
		case strings.ContainsRune("- \t\r\n\ufeff", c):
			continue
		}
		if !strings.ContainsRune(alphabet, c) {
			return "", ErrRecoveryKey
		}
		letters.WriteRune(c)
	}
	if letters.Len() != groups*perGroup {
		return "", ErrRecoveryKey
	}
	return inGroups(letters.String()), nil
}
