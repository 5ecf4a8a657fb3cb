package kubelet

import (
	"bytes"
	"path/filepath"
	"strconv"
	"strings"
)

// Refusals reads from kubelet's log which static pods it refuses, and why: nothing but kubelet decides that. Kubelet
// repeats each refusal every 20 s. The zero value is ready. Messages: pkg/kubelet/config/{file,config}.go.
type Refusals struct{ cause string }

const (
	refused   = `"Could not process manifest file"`
	duplicate = `"Pod failed validation due to duplicate pod name, ignoring"`
	longest   = 300 // bytes of a cause
)

// Line returns what a line refuses, a manifest or a pod, or "". A message that has several lines comes as several.
func (r *Refusals) Line(line []byte) (what, cause string) {
	if r.cause != "" {
		return r.more(string(line))
	}
	_, rest, found := bytes.Cut(line, []byte(refused))
	if !found {
		return duplicateIn(line)
	}
	text := string(rest)
	if strings.HasPrefix(strings.TrimSpace(text), "err=<") {
		r.cause = "it is no pod" // until the next line says more
		return "", ""
	}
	return filepath.Base(valueOf(text, "path")), shortCause(valueOf(text, "err"))
}

// more reads on in a message of several lines: each is indented, and ` >` begins the last.
func (r *Refusals) more(line string) (what, cause string) {
	if rest, last := strings.CutPrefix(line, " >"); last {
		cause, r.cause = r.cause, ""
		return filepath.Base(valueOf(rest, "path")), cause
	}
	switch {
	case !strings.HasPrefix(line, "\t"):
		r.cause = "" // not klog's form
	case r.cause == "it is no pod":
		r.cause = shortCause(strings.TrimSpace(line))
	}
	return "", ""
}

func duplicateIn(line []byte) (what, cause string) {
	_, rest, found := bytes.Cut(line, []byte(duplicate))
	if !found {
		return "", ""
	}
	return "pod " + valueOf(string(rest), "pod"), "another manifest has a pod of this name"
}

// valueOf returns a quoted value of a structured line.
func valueOf(text, key string) string {
	_, rest, _ := strings.Cut(text, " "+key+"=")
	quoted, err := strconv.QuotedPrefix(rest)
	if err != nil {
		return ""
	}
	value, _ := strconv.Unquote(quoted)
	return value
}

// shortCause leaves out the path, which comes first, and an object in the place of a pod, which may hold secrets.
func shortCause(cause string) string {
	if _, rest, found := strings.Cut(cause, "couldn't parse as pod("); found {
		cause = strings.TrimSuffix(rest, "), please check config file")
	}
	if strings.HasPrefix(cause, "invalid pod: &") {
		return "it is no pod of version v1"
	}
	if len(cause) > longest {
		cause = strings.ToValidUTF8(cause[:longest], "") + " …"
	}
	return cause
}
