package eventlog

import "bytes"

// hidden is what a secret becomes.
const hidden = "…"

// secretWords are parts of the names of query parameters whose values prove who asks.
var secretWords = [][]byte{
	[]byte("token"), []byte("secret"), []byte("pass"), []byte("pwd"), []byte("sig"), []byte("cred"), []byte("key"), []byte("auth"), []byte("code"),
}

// schemes are the forms of a header Authorization.
var schemes = [][]byte{[]byte("Bearer "), []byte("bearer "), []byte("Basic "), []byte("basic ")}

// redact hides what may prove somebody's identity: passwords and signed queries of addresses, headers with credentials,
// web tokens and bootstrap tokens. kubelet and containerd log none of their own, but repeat addresses and replies of
// others. It returns text itself if there is nothing to hide.
func redact(text []byte) []byte {
	text = redactAddresses(text)
	for _, scheme := range schemes {
		text = redactAfter(text, scheme)
	}
	text = redactAfter(text, []byte("eyJ"))
	return redactBootstrapTokens(text)
}

// replaced returns text with a part of it hidden, and the end of what took its place.
func replaced(text []byte, from, to int) ([]byte, int) {
	out := make([]byte, 0, len(text)-to+from+len(hidden))
	out = append(append(append(out, text[:from]...), hidden...), text[to:]...)
	return out, from + len(hidden)
}

// redactAfter hides the word behind each mark, if it is long enough for a secret and no word of a language.
func redactAfter(text, mark []byte) []byte {
	const least = 8
	for at := 0; ; {
		found := bytes.Index(text[at:], mark)
		if found < 0 {
			return text
		}
		at += found + len(mark)
		end, letters := at, true
		for ; end < len(text) && isTokenByte(text[end]); end++ {
			letters = letters && text[end] >= 'a' && text[end] <= 'z'
		}
		if end-at >= least && !letters {
			text, at = replaced(text, at, end)
		}
	}
}

func isTokenByte(c byte) bool {
	return isAlphanumeric(c) || bytes.IndexByte([]byte("-_.~+/="), c) >= 0
}

func isAlphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// redactAddresses hides user and password of each URL, and the values of parameters of its query that name a secret.
func redactAddresses(text []byte) []byte {
	for at := 0; ; {
		found := bytes.Index(text[at:], []byte("://"))
		if found < 0 {
			return text
		}
		at += found + len("://")
		host := at + indexAny(text[at:], "/?# \t\"'<>\\")
		if user := bytes.LastIndexByte(text[at:host], '@'); user >= 0 {
			before := len(text)
			text, at = replaced(text, at, at+user)
			host += len(text) - before
		}
		end := host + indexAny(text[host:], " \t\"'<>\\")
		if query := bytes.IndexByte(text[host:end], '?'); query >= 0 {
			at = host + query + 1 // another address may follow in it
			text = redactQuery(text, at, end)
		}
	}
}

// redactQuery hides values in text[from:to].
func redactQuery(text []byte, from, to int) []byte {
	for from < to {
		end := from + indexAny(text[from:to], "&;")
		if name, _, ok := bytes.Cut(text[from:end], []byte("=")); ok && namesSecret(name) {
			before := len(text)
			text, end = replaced(text, from+len(name)+1, end)
			to += len(text) - before
		}
		from = end + 1
	}
	return text
}

func namesSecret(name []byte) bool {
	lower := bytes.ToLower(name)
	for _, word := range secretWords {
		if bytes.Contains(lower, word) {
			return true
		}
	}
	return false
}

// indexAny returns the index of the first of these characters, or the length.
func indexAny(text []byte, characters string) int {
	if at := bytes.IndexAny(text, characters); at >= 0 {
		return at
	}
	return len(text)
}

// redactBootstrapTokens hides the second part of ID.SECRET, six and sixteen characters of [a-z0-9]
// (kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens). The first part is public.
func redactBootstrapTokens(text []byte) []byte {
	const id, secret = 6, 16
	for at := 0; ; {
		found := bytes.IndexByte(text[at:], '.')
		if found < 0 {
			return text
		}
		at += found + 1
		if lowerRun(text, at-1-id, at-1) && lowerRun(text, at, at+secret) && !inWord(text, at-2-id) && !inWord(text, at+secret) {
			text, at = replaced(text, at, at+secret)
		}
	}
}

// lowerRun reports whether text[from:to] is [a-z0-9] only.
func lowerRun(text []byte, from, to int) bool {
	if from < 0 || to > len(text) {
		return false
	}
	for _, c := range text[from:to] {
		if c < '0' || c > '9' && c < 'a' || c > 'z' {
			return false
		}
	}
	return true
}

func inWord(text []byte, at int) bool {
	return at >= 0 && at < len(text) && isAlphanumeric(text[at])
}
