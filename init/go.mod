module kios.dev/init

go 1.26.8

require golang.org/x/sys v0.49.0

require go.etcd.io/bbolt v1.5.0

require github.com/google/go-tpm v0.9.8
