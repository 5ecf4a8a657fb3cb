module kios.dev/os/test/support/trial/ending-init

go 1.26.8
