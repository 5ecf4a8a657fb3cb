package repeat

import (
	"bytes"
	"strconv"
	"strings"

	"kios.dev/init/internal/oneline"
)

const longest = 300 // bytes of what a program said

// lastWords returns in what words a program says with this line why it ends, or "".
func lastWords(name string, line []byte) string {
	text := string(bytes.TrimSpace(line))
	if _, panicked, found := strings.Cut(text, "panic: "); found && strings.HasPrefix(text, "panic: ") {
		return oneline.Of(panicked, longest)
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
		return oneline.Of(words, longest)
	case "containerd": // cmd/containerd/main.go
		if words, found := strings.CutPrefix(text, "containerd: "); found {
			return oneline.Of(words, longest)
		}
	}
	return ""
}
