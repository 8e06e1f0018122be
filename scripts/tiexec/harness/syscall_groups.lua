-- SPDX-License-Identifier: Apache-2.0
--- System calls by groups, as GDB's `catch syscall group:NAME` and strace's `%NAME` have them.
-- Those that a CPU does not have are left out there.

local words = {
    -- those that take the name of a file
    file = [[access acct chdir chmod chown chroot creat execve execveat faccessat faccessat2
        fanotify_mark fchmodat fchmodat2 fchownat fspick futimesat getcwd getxattr getxattrat
        inotify_add_watch lchown lgetxattr link linkat listxattr listxattrat llistxattr
        lremovexattr lsetxattr lstat mkdir mkdirat mknod mknodat mount mount_setattr move_mount
        name_to_handle_at newfstatat open open_tree openat openat2 pivot_root quotactl readlink
        readlinkat removexattr removexattrat rename renameat renameat2 rmdir setxattr setxattrat
        stat statfs statx swapoff swapon symlink symlinkat truncate umount2 unlink unlinkat
        uselib utime utimensat utimes]],
    -- those that take, or give, a file descriptor
    desc = [[accept accept4 bind close close_range connect copy_file_range creat dup dup2 dup3
        epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2
        fadvise64 fallocate fchdir fchmod fchown fcntl fdatasync fgetxattr flistxattr flock
        fremovexattr fsetxattr fstat fstatfs fsync ftruncate getdents getdents64 getpeername
        getsockname getsockopt inotify_add_watch inotify_init inotify_init1 inotify_rm_watch
        io_uring_enter io_uring_register io_uring_setup ioctl listen lseek memfd_create mmap
        newfstatat open openat openat2 pidfd_getfd pidfd_open pipe pipe2 poll ppoll pread64
        preadv preadv2 pselect6 pwrite64 pwritev pwritev2 read readahead readv recvfrom recvmmsg
        recvmsg select sendfile sendmmsg sendmsg sendto setns setsockopt shutdown signalfd
        signalfd4 socket socketpair splice statx sync_file_range syncfs tee timerfd_create
        timerfd_gettime timerfd_settime userfaultfd vmsplice write writev]],
    network = [[accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom
        recvmmsg recvmsg sendfile sendmmsg sendmsg sendto setsockopt shutdown socket socketpair]],
    process = [[clone clone3 execve execveat exit exit_group fork kill pidfd_open
        pidfd_send_signal rt_sigqueueinfo rt_tgsigqueueinfo tgkill tkill vfork wait4 waitid]],
    signal = [[kill pause pidfd_send_signal rt_sigaction rt_sigpending rt_sigprocmask
        rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sigaltstack
        signalfd signalfd4 tgkill tkill]],
    memory = [[brk get_mempolicy madvise map_shadow_stack mbind migrate_pages mincore mlock mlock2
        mlockall mmap move_pages mprotect mremap mseal msync munlock munlockall munmap
        pkey_alloc pkey_free pkey_mprotect process_madvise remap_file_pages set_mempolicy
        set_mempolicy_home_node shmat shmdt]],
    ipc = [[mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink msgctl msgget
        msgrcv msgsnd semctl semget semop semtimedop shmat shmctl shmdt shmget]],
    creds = [[capget capset getegid geteuid getgid getgroups getresgid getresuid getuid prctl
        setfsgid setfsuid setgid setgroups setregid setresgid setresuid setreuid setuid]],
}

local groups = {}
for name, list in pairs(words) do
    groups[name] = {}
    for word in list:gmatch("%S+") do table.insert(groups[name], word) end
end
return groups
