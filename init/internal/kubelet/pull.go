package kubelet

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
)

// failedSync begins what kubelet logs at each attempt to start a pod that fails (pkg/kubelet/pod_workers.go).
const failedSync = `"Error syncing pod, skipping" err=`

// missingImage matches kubelet's reasons for a container without an image (pkg/kubelet/images/types.go).
var missingImage = regexp.MustCompile(` with (ErrImagePull|ImagePullBackOff|ErrImageNeverPull|InvalidImageName): `)

// query is what an address may end with to prove who asks.
var query = regexp.MustCompile(`\?[^\s"\\]+`)

// Unpullable returns the pod of a line, as NAMESPACE/NAME, when one of its images is missing and kubelet cannot pull
// it, and kubelet's cause. Any other line has no such pod.
func Unpullable(line []byte) (pod, cause string) {
	_, rest, found := bytes.Cut(line, []byte(failedSync))
	if !found {
		return "", ""
	}
	// A registry may have written a part of the cause, so the pod is read behind it.
	quoted, err := strconv.QuotedPrefix(string(rest))
	if err != nil {
		return "", ""
	}
	cause, err = strconv.Unquote(quoted)
	at := missingImage.FindStringIndex(cause)
	if err != nil || at == nil {
		return "", ""
	}
	return valueOf(string(rest[len(quoted):]), "pod"), lastOf(query.ReplaceAllString(plain(cause[at[1]:]), "?…"))
}

// lastOf cuts a long cause from its beginning: containerd names the image there again and again, and the fault last.
func lastOf(cause string) string {
	if len(cause) > longest {
		cause = "… " + strings.ToValidUTF8(cause[len(cause)-longest:], "")
	}
	return cause
}

// plain takes the quotes off a cause that is quoted once more, as far as it is.
func plain(text string) string {
	if quoted, err := strconv.QuotedPrefix(text); err == nil {
		text, _ = strconv.Unquote(quoted)
	}
	return strings.TrimSpace(text)
}
