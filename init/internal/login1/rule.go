package login1

import "strings"

// Names of what is served, from logind's interface (org.freedesktop.login1(5)).
const (
	service    = "org.freedesktop.login1"
	objectPath = "/org/freedesktop/login1"
	manager    = "org.freedesktop.login1.Manager"
	prepare    = "PrepareForShutdown"
	delayMax   = "InhibitDelayMaxUSec"
	bus        = "org.freedesktop.DBus"
	properties = "org.freedesktop.DBus.Properties"
	peer       = "org.freedesktop.DBus.Peer"
)

// wanted is the signal as rules of matching name it.
var wanted = map[string]string{"type": "signal", "sender": service, "interface": manager, "member": prepare, "path": objectPath}

// matchesPrepare reports whether a rule of AddMatch ("Match Rules") matches PrepareForShutdown. A key that init does
// not know matches nothing.
func matchesPrepare(rule string) bool {
	for rule != "" {
		key, rest, found := strings.Cut(rule, "=")
		if !found {
			return false
		}
		value, after := unquote(rest)
		if known, isKnown := wanted[strings.TrimSpace(key)]; !isKnown || known != value {
			return false
		}
		rule = after
	}
	return true
}

// unquote returns the value before the next comma that stands outside of apostrophes, and what follows the comma.
func unquote(text string) (value, rest string) {
	var plain []byte
	quoted := false
	for i := range len(text) {
		switch {
		case text[i] == '\'':
			quoted = !quoted
		case text[i] == ',' && !quoted:
			return string(plain), text[i+1:]
		default:
			plain = append(plain, text[i])
		}
	}
	return string(plain), ""
}
