package kubelet

import (
	"fmt"
	"strings"
)

// ConfigFile is kubelet's configuration in the root.
const ConfigFile = config

// allowlist is the list of images that every pod may use without credentials. The build writes it on one line.
const allowlist = "preloadedImagesVerificationAllowlist: ["

// Allow returns the line of kubelet's configuration with more repositories in its list, for a drop-in, in which a list
// replaces that of the configuration. It returns "" if there are none, or no such line.
func Allow(configuration string, repositories []string) string {
	if len(repositories) == 0 {
		return ""
	}
	for line := range strings.Lines(configuration) {
		if list, ok := strings.CutSuffix(strings.TrimSpace(line), "]"); ok && strings.HasPrefix(line, allowlist) {
			for _, name := range repositories {
				list += fmt.Sprintf(", %q", name) // YAML reads some names as something else than text
			}
			return list + "]\n"
		}
	}
	return ""
}
