package kubelet

import (
	"fmt"
	"slices"
	"strings"
)

// proxyWords are the variables that the file of the proxy may give.
var proxyWords = []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}

// parseProxy reads `NAME=VALUE` lines and returns them as words of an environment. It skips empty lines and those that
// begin with #. Its errors quote no value, which may be a password.
func parseProxy(text string) ([]string, error) {
	var words, names []string
	for number, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, _ := strings.Cut(line, "=")
		if !slices.Contains(proxyWords, name) || slices.Contains(names, name) || !proxyValue(name, value) {
			return nil, fmt.Errorf("line %d is none of %s with its value, or is there twice", number+1, strings.Join(proxyWords, ", "))
		}
		words, names = append(words, line), append(names, name)
	}
	return words, nil
}

// proxyValue reports whether a value is printable ASCII without blanks, and that of a proxy an address of the web.
func proxyValue(name, value string) bool {
	for i := range len(value) {
		if value[i] <= ' ' || value[i] > '~' {
			return false
		}
	}
	if name == "NO_PROXY" {
		return value != ""
	}
	_, host, found := strings.Cut(value, "://")
	return found && host != "" && (strings.HasPrefix(value, "http://") || strings.HasPrefix(value, "https://"))
}
