package stage2

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"kios.dev/init/internal/atomicfile"
	"kios.dev/init/internal/diskid"
	"kios.dev/init/internal/encrypted"
	"kios.dev/init/internal/esp"
	"kios.dev/init/internal/fault"
	"kios.dev/init/internal/gpt"
	"kios.dev/init/internal/luks"
	"kios.dev/init/internal/machine"
	"kios.dev/init/internal/plainfile"
	"kios.dev/init/internal/tpm"
)

const (
	// recoveryFile has the recovery key for root until the machine is off, for nodes whose console nobody sees.
	recoveryFile = esp.Private + "/recovery-key"
	maxRecovery  = 512 // bytes
	// tpmTable is there if the firmware has a TPM, which then is waited for.
	tpmTable      = "/sys/firmware/acpi/tables/TPM2"
	tpmPatience   = 10 * time.Second
	noTPMPatience = 500 * time.Millisecond
	// consolePatience bounds the wait until the consoles have shown a recovery key.
	consolePatience = 5 * time.Second
)

// asked is what people have put on the medium for an encrypted data partition.
type asked struct {
	encrypt  bool
	unread   error // why nobody knows whether they ask for it, or nil
	recovery string
}

func readAsked(folder string) (a asked) {
	err := plainfile.Check(folder, encrypted.AskFile)
	if a.encrypt = err == nil; !errors.Is(err, os.ErrNotExist) {
		a.unread = err
	}
	if text, err := plainfile.Read(folder, encrypted.KeyFile, maxRecovery); err == nil {
		a.recovery = string(text)
	}
	return a
}

// openData returns the device that has the file system of the data partition: the partition itself, or what the kernel
// decrypts of it, or "" when there is none that can be used. It comes before anything of the partition counts: from
// here on the TPM keeps what is sealed to this system from everybody.
func (h *host) openData(partition string) (content string) {
	m, forget := h.wakeTPM()
	defer forget()
	if partition == "" {
		return ""
	}
	device, err := os.Open(partition)
	if err != nil {
		return partition // mounting says why
	}
	defer device.Close()
	there, untouched, err := diskid.Ext4(device)
	if err != nil {
		return partition
	}
	if !there || untouched {
		// A new volume's second header is there before its first, so an untouched file system may be one already.
		if locked, err := luks.Looks(device); locked && err == nil {
			h.versions.encrypted = true
			return h.unlock(partition, device, m)
		}
	}
	switch {
	case !h.asked.encrypt && (h.asked.unread == nil || !untouched):
		return partition
	case !untouched:
		h.log.Warn("data.plain", "device", partition, "cause", fault.New(fault.CryptPlain, "encrypt "+partition,
			"The node uses it as it is. Flash the medium again, or remove kios/"+encrypted.AskFile+" from it: a partition that was used is never encrypted in place.",
			errors.New("it was used without encryption before")))
		return partition
	}
	if h.asked.unread != nil {
		err = fmt.Errorf("nobody knows whether the medium asks for it: %w", h.asked.unread)
	} else {
		content, err = h.encrypt(partition, m)
		h.versions.encrypted = err == nil
	}
	if err != nil {
		h.log.Error("data.failed", "device", partition, "cause", h.lasting(fault.New(fault.CryptMake, "encrypt "+partition,
			"Its content is not used, and the node runs from RAM. Remove the cause and reboot, or remove kios/"+encrypted.AskFile+" from the medium to do without encryption.", err)))
	}
	return content
}

// wakeTPM returns what this machine can open a volume with. Machines whose system nobody has signed do not wait for a
// TPM, and load no driver for one. forget ends the use of the TPM.
func (h *host) wakeTPM() (m encrypted.Machine, forget func()) {
	m.System, m.Unsigned = tpm.ReadSigned(h.measured.Key, h.measured.Signature)
	if m.Unsigned != nil {
		return m, func() {}
	}
	if err := h.modules.LoadFS(luks.FS); err != nil {
		h.log.Warn("modules.failed", "cause", fault.New(fault.Module, "load the drivers of TPMs", "Build the image again.", err))
	}
	wait := noTPMPatience
	if _, err := os.Stat(tpmTable); err == nil {
		wait = tpmPatience
	}
	chip, end, err := tpm.Open(wait)
	if err != nil {
		m.NoTPM = err
		return m, func() {}
	}
	m.TPM = chip
	return m, func() {
		defer end()
		if err := chip.Forget(); err != nil {
			h.log.Error("tpm.failed", "cause", fault.New(fault.CryptTPM, "close the TPM to pods", "A privileged pod may get the key of the data partition. Reboot; if it happens again, turn the TPM off and on in the firmware's menu.", err))
		}
	}
}

// unlock opens a volume. It writes to it only what the next boot needs.
func (h *host) unlock(partition string, device io.ReaderAt, m encrypted.Machine) (content string) {
	start := time.Now()
	v, err := encrypted.Unlock(device, m, h.asked.recovery)
	if h.asked.recovery != "" {
		h.removeRecoveryKey()
	}
	if err != nil {
		var locked *encrypted.Locked
		errors.As(err, &locked) // it is always one
		h.versions.start.Closed = errors.Is(locked.Why, tpm.ErrSystem)
		h.log.Error("data.failed", "device", partition, "cause", h.lasting(encrypted.Explain(partition, locked.Why)))
		if locked.Key != nil {
			h.log.Error("data.key", "device", partition, "cause", h.lasting(encrypted.ExplainKey(partition, locked.Key)))
		}
		return ""
	}
	recovery := h.renewKeys(partition, v, m)
	if err := h.write(partition, v); err != nil {
		recovery = ""
		h.log.Warn("data.header", "device", partition, "cause", fault.New(fault.CryptHeader, "write the header of "+partition, "The node runs. Check the disk.", err))
	}
	if content, err = h.mapVolume(partition, v); err != nil {
		h.log.Error("data.failed", "device", partition, "cause", h.lasting(fault.New(fault.DataPart, "map "+partition, "Report this with the kernel's version.", err)))
		return ""
	}
	h.log.Info("data.opened", "device", partition, "recovered", v.Recovered, "ms", time.Since(start).Milliseconds())
	h.showRecovery(partition, v, recovery)
	return content
}

// renewKeys adds what the volume lacks: a key for this TPM, and a recovery key that somebody sees, which it returns.
func (h *host) renewKeys(partition string, v *encrypted.Volume, m encrypted.Machine) (recovery string) {
	if v.Recovered {
		resealed, err := v.Reseal(m)
		why := encrypted.Explain(partition, v.Why)
		remedy := why.Remedy
		if resealed {
			remedy = "From the next boot on the TPM opens it again."
		}
		h.log.Warn("data.recovered", "device", partition, "resealed", resealed, "cause",
			fault.New(fault.CryptUsed, why.Doing, remedy, fmt.Errorf("a recovery key did: %w", errors.Join(v.Why, err))))
	}
	recovery, err := v.NewRecovery()
	if err != nil {
		h.log.Warn("data.header", "device", partition, "cause", fault.New(fault.CryptHeader, "make another recovery key", "The node runs. Flash the medium again to get a recovery key.", err))
	}
	return recovery
}

// encrypt makes a volume of an untouched partition. The file system goes in before the header says that there is one.
func (h *host) encrypt(partition string, m encrypted.Machine) (content string, err error) {
	start := time.Now()
	data, err := os.ReadFile(encrypted.ImageFile)
	if err != nil {
		return "", err
	}
	image, err := encrypted.ReadImage(data)
	if err != nil {
		return "", err
	}
	if size, err := sizeOf(partition); err != nil || size < luks.DataOffset+image.Bytes {
		return "", errors.Join(fmt.Errorf("it has %d bytes, and %d are needed: use a disk that is larger than the image", size, luks.DataOffset+image.Bytes), err)
	}
	v, recovery, err := encrypted.Make(gpt.NewGUID().String(), m)
	if err != nil {
		return "", err
	}
	if content, err = h.mapVolume(partition, v); err != nil {
		return "", err
	}
	if err = fill(content, image); err == nil {
		err = h.write(partition, v)
	}
	if err != nil {
		return "", errors.Join(err, v.Mapping(partition, 0).Close())
	}
	h.log.Info("data.encrypted", "device", partition, "secureBoot", machine.SecureBoot(), "ms", time.Since(start).Milliseconds())
	h.showRecovery(partition, v, recovery)
	return content, nil
}

func fill(content string, image *encrypted.Image) error {
	device, err := os.OpenFile(content, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(image.Write(device), device.Close())
}

// write opens the partition for writing only when the volume has anything for it.
func (h *host) write(partition string, v *encrypted.Volume) error {
	if !v.Changed() {
		return nil
	}
	device, err := os.OpenFile(partition, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(v.Write(device), device.Close())
}

func (h *host) mapVolume(partition string, v *encrypted.Volume) (content string, err error) {
	size, err := sizeOf(partition)
	if err != nil {
		return "", err
	}
	return v.Mapping(partition, size).Open()
}

func sizeOf(device string) (int64, error) {
	file, err := os.Open(device)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	return file.Seek(0, io.SeekEnd)
}

// showRecovery shows a new recovery key, on the consoles and in a file of this boot's memory, and in no log. A power
// cut before the end has the next boot make another one.
func (h *host) showRecovery(partition string, v *encrypted.Volume, recovery string) {
	if recovery == "" {
		return
	}
	err := atomicfile.Write(recoveryFile, []byte(recovery+"\n"), 0o400)
	h.log.Show([]byte("\nRecovery key of the data partition. It is shown this once: keep it, but not with the machine.\n\n    " + recovery + "\n\n"))
	h.log.Flush(consolePatience)
	if err = errors.Join(err, v.Shown(), h.write(partition, v)); err != nil {
		h.log.Warn("data.recovery-key", "device", partition, "cause", err, "note", "another one is shown at the next boot")
		return
	}
	h.log.Info("data.recovery-key", "device", partition, "file", recoveryFile, "note", "shown on the console; the file is there until the machine is off")
}

// removeRecoveryKey takes a key off the medium that it is not to be on. Its bytes are written over first; a flash disk
// may keep them all the same.
func (h *host) removeRecoveryKey() {
	err := esp.New(h.bootDevice, h.modules.LoadFS).Use(func(top string) error {
		return wipe(filepath.Join(top, "kios"), encrypted.KeyFile)
	})
	if err != nil {
		h.log.Warn("data.recovery-key", "cause", fault.New(fault.CryptKey, "remove kios/"+encrypted.KeyFile+" from the medium", "Remove it yourself: who has the medium can open the data partition with it.", err))
	}
}

func wipe(folder, name string) error {
	path := filepath.Join(folder, name)
	if err := plainfile.Check(folder, name); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err == nil {
		_, err = file.WriteString(strings.Repeat("\x00", int(min(info.Size(), maxRecovery))))
	}
	err = errors.Join(err, file.Sync(), file.Close(), os.Remove(path))
	return errors.Join(err, atomicfile.SyncDir(folder))
}
