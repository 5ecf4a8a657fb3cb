package stage2

import (
	"errors"

	"kios.dev/init/internal/etclayer"
	"kios.dev/init/internal/fault"
)

var errShipped = errors.New("the image's own counts")

// cleanEtc takes out of the writable layer of /etc what stands in for a file of the image, before the layer is mounted.
// Otherwise a file that was changed once would outlive every update of the image.
func (h *host) cleanEtc() error {
	result, err := etclayer.Clean("/etc", dataDir+"/meta")
	for _, entry := range result.Ignored {
		remedy := "It is in meta/etc.ignored on the data partition now. docs/host-api.md section 3 lists what can be changed in /etc."
		if entry.Lost {
			remedy = "It was removed, because the data partition is full. docs/host-api.md section 3 lists what can be changed in /etc."
		}
		path := "/etc/" + entry.Path
		h.log.Warn("etc.ignored", "path", path, "kind", entry.Kind,
			"cause", fault.New(fault.Etc, "take "+path+" from the data partition", remedy, errShipped))
	}
	for _, entry := range result.Overridden {
		h.log.Info("etc.overridden", "path", "/etc/"+entry.Path, "kind", entry.Kind)
	}
	if err != nil {
		return fault.New(fault.DataPart, "compare meta/etc with the image's /etc", "Check the data partition.", err)
	}
	return nil
}
