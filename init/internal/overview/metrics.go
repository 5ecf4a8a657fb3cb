package overview

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// sample is a value with its labels: names and values in turn.
type sample struct {
	labels []string
	value  float64
}

// Metrics returns what operators alert on, in Prometheus' text format 0.0.4.
func Metrics(f Facts) []byte {
	var text strings.Builder
	write(&text, "kios_info", "gauge", "The image and the kernel that the node runs, how kubelet runs and where the state is.",
		[]sample{{[]string{"version", f.Version, "kernel", f.Kernel, "mode", f.Mode, "data", f.Data}, 1}})
	write(&text, "kios_boot_phase_seconds", "gauge", "Seconds from the kernel's start to the first time that a phase of the boot was reached.", phases(f.Phases))
	var starts, ends []sample
	for _, p := range f.Told.Programs {
		label := []string{"program", p.Name}
		starts, ends = append(starts, sample{label, float64(p.Starts)}), append(ends, sample{label, float64(p.Ends)})
	}
	write(&text, "kios_program_starts_total", "counter", "Starts of a program of the host.", starts)
	write(&text, "kios_program_ends_total", "counter", "Ends of a program of the host that nobody asked for.", ends)
	write(&text, "kios_fault", "gauge", "A fault that the node has now.", current(f.Faults))
	write(&text, "kios_fault_lines_total", "counter", "Lines of the console that told a fault, by its code.", counts(f.Told.Counts))
	if f.Update.Known {
		write(&text, "kios_update_on_trial", "gauge", "1 while the running system is not confirmed yet.", flag(f.Update.Trial))
		write(&text, "kios_update_failed", "gauge", "1 after the machine came back from an update.", flag(f.Update.Failed))
	}
	var lengths, rests []sample
	for _, l := range f.Leases {
		labels := []string{"link", l.Link, "family", l.Family}
		lengths, rests = append(lengths, sample{labels, l.Length}), append(rests, sample{labels, max(0, l.Until-f.Up)})
	}
	write(&text, "kios_lease_seconds", "gauge", "Length of the lease of a link.", lengths)
	write(&text, "kios_lease_remaining_seconds", "gauge", "Seconds until the lease of a link ends, as of the last minute.", rests)
	return []byte(text.String())
}

func flag(on bool) []sample {
	if on {
		return []sample{{nil, 1}}
	}
	return []sample{{nil, 0}}
}

// phases returns the first of each name, which belongs to the boot.
func phases(all []Phase) (samples []sample) {
	seen := map[string]bool{}
	for _, p := range all {
		if !seen[p.Name] {
			samples = append(samples, sample{[]string{"phase", p.Name}, p.Up})
		}
		seen[p.Name] = true
	}
	return samples
}

// current returns each code once: Prometheus refuses two samples with equal labels.
func current(faults []Fault) (samples []sample) {
	seen := map[string]bool{}
	for _, f := range faults {
		if !seen[f.Code] {
			samples = append(samples, sample{[]string{"code", f.Code, "condition", f.Condition}, 1})
		}
		seen[f.Code] = true
	}
	return samples
}

func counts(byCode map[string]int) (samples []sample) {
	for _, code := range slices.Sorted(maps.Keys(byCode)) {
		samples = append(samples, sample{[]string{"code", code}, float64(byCode[code])})
	}
	return samples
}

// write writes a metric, if it has a value.
func write(text *strings.Builder, name, kind, help string, samples []sample) {
	if len(samples) == 0 {
		return
	}
	text.WriteString("# HELP " + name + " " + help + "\n# TYPE " + name + " " + kind + "\n")
	for _, s := range samples {
		var labels []string
		for i := 0; i+1 < len(s.labels); i += 2 {
			labels = append(labels, s.labels[i]+`="`+escape.Replace(strings.ToValidUTF8(s.labels[i+1], "\uFFFD"))+`"`)
		}
		text.WriteString(name + "{" + strings.Join(labels, ",") + "} " + strconv.FormatFloat(s.value, 'g', -1, 64) + "\n")
	}
}

var escape = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
