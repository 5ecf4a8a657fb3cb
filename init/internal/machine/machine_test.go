package machine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const uuid = "4c4c4544-0042-3510-8052-b3c04f4b4e32"

func TestWhatFirmwareHoldsInPlaceOfAValueIsNoFact(t *testing.T) {
	for _, worthless := range []string{
		"", " ", "-", "0", "42", "abc", "00000000-0000-0000-0000-000000000000", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
		"fefefefe-fefe-fefe-fefe-fefefefefefe", "03000200-0400-0500-0006-000700080009", "00010203-0405-0607-0809-0A0B0C0D0E0F",
		"DEADBEEF-DEAD-BEEF-DEAD-BEEFDEADBEEF", "Not Specified", "not specified", "Not Settable", "Not Present", "Not Applicable", "N/A",
		"None", "NULL", "OEM", "Unknown", "Empty", "INVALID", "Default string", "Default_string", "Standard",
		"To be filled by O.E.M.", "To Be Filled By O.E.M. by More String", "System Serial Number", "Base Board Serial Number",
		"Chassis Serial Number", "Serial Number", "0123456789", "123456789", "1234567890", "01234567890123456789", "123456789ABCDEF",
		"..........", "xxxxxxxx", "                      ",
	} {
		facts := Facts{ProductUUID: worthless, ProductSerial: worthless, BoardSerial: worthless, TreeSerial: worthless}
		if hash, id := facts.Hash(), facts.ID(); hash != "" || id != "" {
			t.Errorf("%q makes the hash %q and the id %q", worthless, hash, id)
		}
	}
	for _, own := range []string{uuid, "GoogleCloud-6B1C8F", "2756294", "VMware-56 4d 3a", "10000000abcdef01", "BR80YFDYZ68ICQ4"} {
		if (Facts{ProductSerial: own}).Hash() == "" {
			t.Errorf("%q does not count", own)
		}
	}
}

func TestMachinesThatDifferInOneFactDifferInAll(t *testing.T) {
	seen := map[string]Facts{}
	for _, facts := range []Facts{
		{ProductUUID: uuid}, {ProductSerial: uuid}, {BoardSerial: uuid}, {TreeSerial: uuid},
		{ProductUUID: uuid, BoardSerial: "BR80YFDYZ68ICQ4"}, {ProductUUID: uuid, BoardSerial: "BR80YFDYZ68ICQ5"},
	} {
		for _, value := range []string{facts.Hash(), facts.ID(), name(facts.ID())} {
			if other, ok := seen[value]; ok || value == "" {
				t.Errorf("%+v and %+v have the same %q", other, facts, value)
			}
			seen[value] = facts
		}
	}
	if upper := (Facts{ProductUUID: strings.ToUpper(uuid)}); upper.Hash() != (Facts{ProductUUID: uuid}).Hash() {
		t.Error("upper case changes the hash")
	}
}

func TestANetworkCardCountsOnlyWithoutOtherFacts(t *testing.T) {
	const low, high = "3c:ec:ef:00:00:01", "3c:ec:ef:00:00:02"
	card := Facts{MACs: []string{high, low}}
	if card.Hash() != "" {
		t.Error("a card is part of the hash, which must not change when a driver loads")
	}
	if id := card.ID(); id == "" || id != (Facts{MACs: []string{low}}).ID() {
		t.Error("the id is not that of the lowest address")
	}
	firmware := Facts{ProductUUID: uuid}
	if both := (Facts{ProductUUID: uuid, MACs: card.MACs}); both.ID() != firmware.ID() || both.Hash() != firmware.Hash() {
		t.Error("a card changes the id of a machine that has facts")
	}
	for _, shared := range []string{"00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "52:54:00:12:34:56", "02:fc:00:00:00:01"} {
		if id := (Facts{MACs: []string{shared}}).ID(); id != "" {
			t.Errorf("%s makes the id %s", shared, id)
		}
	}
}

func TestIDsAndNamesHaveTheirForm(t *testing.T) {
	id := Facts{ProductUUID: uuid}.ID()
	if !validID(id) || id[12] != '4' || !strings.Contains("89ab", id[16:17]) {
		t.Errorf("%q is not a machine id", id)
	}
	for _, invalid := range []string{"", "uninitialized", id[1:], id + "0", strings.ToUpper(id), strings.Repeat("0", 32), strings.Repeat("g", 32)} {
		if validID(invalid) {
			t.Errorf("%q is taken for a machine id", invalid)
		}
	}
	names := map[string]bool{}
	for range 1000 {
		text := name(id)
		if len(text) != 13 || !strings.HasPrefix(text, "kios-") || strings.Trim(text[5:], "abcdefghijklmnopqrstuvwxyz0123456789") != "" || names[text] {
			t.Fatalf("name %q", text)
		}
		names[text], id = true, formatID([16]byte([]byte(text+"   ")))
	}
}

func TestNoTwoMachinesHaveOneName(t *testing.T) {
	const stored = "0123456789abcdef0123456789abcdef"
	firmware, other := Facts{ProductUUID: uuid}, Facts{BoardSerial: "BR80YFDYZ68ICQ4"}
	card := Facts{MACs: []string{"3c:ec:ef:00:00:01"}}
	one, two := [16]byte{1}, [16]byte{2}

	first := Identify(firmware, "", one)
	if first != Identify(firmware, "", two) || first.Source != "machine" || first.ID != firmware.ID() {
		t.Errorf("in RAM the machine changes from boot to boot: %+v", first)
	}
	if again := Identify(firmware, first.ID, two); again != first {
		t.Errorf("the second boot: %+v, the first: %+v", again, first)
	}
	if copied := Identify(other, first.ID, two); copied.Name == first.Name || copied.ID != first.ID {
		t.Errorf("a copied disk: %+v, its origin: %+v", copied, first)
	}
	if kept := Identify(firmware, stored, one); kept.ID != stored || kept.Name != first.Name {
		t.Errorf("an id that is there does not stay: %+v", kept)
	}

	random := Identify(Facts{}, "", one)
	if random.Source != "random" || random.Name == Identify(Facts{}, "", two).Name {
		t.Errorf("machines without facts: %+v", random)
	}
	if again := Identify(Facts{}, random.ID, two); again != random {
		t.Errorf("the second boot: %+v, the first: %+v", again, random)
	}
	if late := Identify(card, random.ID, two); late != random {
		t.Errorf("a driver that loads at a later boot renames the node: %+v", late)
	}
	if found := Identify(card, "", one); found.Source != "machine" || found != Identify(card, found.ID, two) {
		t.Errorf("a machine with a card only: %+v", found)
	}
	for _, damaged := range []string{"uninitialized", stored[1:], "/etc/machine-id"} {
		if again := Identify(firmware, damaged, one); again != first {
			t.Errorf("stored %q: %+v", damaged, again)
		}
	}
}

func TestFactsAreReadFromSysfs(t *testing.T) {
	sys := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(sys, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if facts := Read(sys); facts.ID() != "" || facts.MACs != nil {
		t.Errorf("an empty sysfs has the facts %+v", facts)
	}
	write("class/dmi/id/product_uuid", uuid+"\n")
	write("class/dmi/id/product_serial", strings.Repeat("x", 5000))
	write("firmware/devicetree/base/serial-number", "10000000abcdef01\x00")
	link := func(name, kind, assigned, address string, device bool) {
		write("class/net/"+name+"/type", kind+"\n")
		write("class/net/"+name+"/addr_assign_type", assigned+"\n")
		write("class/net/"+name+"/address", address+"\n")
		if device {
			write("class/net/"+name+"/device/modalias", "")
		}
	}
	link("eth0", "1", "0", "3c:ec:ef:00:00:02", true)
	link("eth1", "1", "1", "3c:ec:ef:00:00:01", true)          // made up at random
	link("veth0", "1", "0", "3c:ec:ef:00:00:00", false)        // no card
	link("ib0", "32", "0", "80:00:02:08:fe:80:00:00:00", true) // no Ethernet
	link("can0", "280", "0", "", true)
	facts := Read(sys)
	if facts.ProductUUID != uuid || facts.TreeSerial != "10000000abcdef01" || len(facts.ProductSerial) > factLimit {
		t.Errorf("%+v", facts)
	}
	if len(facts.MACs) != 1 || facts.MACs[0] != "3c:ec:ef:00:00:02" {
		t.Errorf("cards %v", facts.MACs)
	}
}
