package repeat

import (
	"bytes"
	"strconv"
	"strings"
)

const longest = 300 // bytes of what a program said

// lastWords returns in what words a program says with this line why it ends, or "".
func lastWords(name string, line []byte) string {
	text := string(bytes.TrimSpace(line))
	if _, panicked, found := strings.Cut(text, "panic: "); found && strings.HasPrefix(text, "panic: ") {
		return short(panicked)
	}
	switch name {
	case "kubelet": // cmd/kubelet ends with what component-base/cli/run.go logs
		_, rest, found := strings.Cut(text, `"command failed" err=`)
		if !found {
			return ""
		}
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return ""
		}
		words, _ := strconv.Unquote(quoted)
		return short(words)
	case "containerd": // cmd/containerd/main.go
		if words, found := strings.CutPrefix(text, "containerd: "); found {
			return short(words)
		}
	}
	return ""
}

// short makes one short line.
func short(words string) string {
	words = strings.Join(strings.Fields(words), " ")
	if len(words) > longest {
		words = strings.ToValidUTF8(words[:longest], "") + " …"
	}
	return words
}
