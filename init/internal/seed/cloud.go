package seed

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// sign is how the firmware shows a cloud, and the label of the volume by which that cloud gives user data, if it does.
type sign struct {
	field  string // of /sys/class/dmi/id
	values []string
	label  string
}

// signs come in the order of the bootstrap agent's rules; packages/host-api/vectors/clouds.json has machines for both.
var signs = []sign{
	{"sys_vendor", []string{"DigitalOcean"}, configDrive},
	{"sys_vendor", []string{"Hetzner", "Scaleway", "Vultr", "Linode", "Akamai"}, ""},
	{"chassis_asset_tag", []string{azureTag, "OracleCloud.com"}, ""},
	{"product_name", []string{"Google Compute Engine"}, ""},
	{"product_serial", []string{"GoogleCloud-*"}, ""},
	{"sys_vendor", []string{"Amazon EC2"}, ""},
	{"product_name", []string{"OpenStack Nova", "OpenStack Compute"}, configDrive},
	{"chassis_asset_tag", []string{"OpenTelekomCloud", "SAP CCloud VM", "HUAWEICLOUD", "OpenStack Nova", "OpenStack Compute"}, configDrive},
}

// amazonUUID is that of EC2's older machines, in either byte order. Their serial number begins in the same way.
var amazonUUID = regexp.MustCompile(`(?i)^(?:ec2|....2.ec)`)

// givesNetwork returns whether a volume of this label counts on the machine whose firmware has these fields. Where it
// shows a cloud, only the volume by which that cloud gives user data does; anything else was attached by somebody.
func givesNetwork(label string, field func(name string) string) bool {
	for _, s := range signs {
		value := field(s.field)
		if slices.ContainsFunc(s.values, func(want string) bool {
			start, isStart := strings.CutSuffix(want, "*")
			return value == want || isStart && strings.HasPrefix(value, start)
		}) {
			return label == s.label
		}
	}
	isAmazon := amazonUUID.MatchString(field("product_uuid")) && strings.HasPrefix(strings.ToLower(field("product_serial")), "ec2")
	return !isAmazon
}

// dmiField reads a field of the firmware's tables.
func dmiField(name string) string {
	text, _ := os.ReadFile(filepath.Join("/sys/class/dmi/id", name))
	return strings.TrimSpace(string(text))
}
