/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a program and kills it (SIGKILL) at its N-th system call, counted from 1.
 *
 *   killat N entry|exit|effect PROGRAM
 *
 * entry: before the call has done anything; exit: after it has; effect: only calls that can change
 * something outside of the process are counted, and it is killed after the N-th of them. Between
 * two of these the kernel's state is the same wherever a process of one thread dies, so that
 * "effect" finds what "entry" and "exit" find, sooner. Standard input and environment are the
 * program's, its output goes to /dev/null. Prints {"killed":true,"nr":NUMBER OF THE CALL} or
 * {"killed":false,"code":EXIT STATUS} when it ended before.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/ptrace.h>

/* Reads, and what ends with the process: memory, descriptors, a lock. */
static const long harmless[] = {
#ifdef __NR_access
	__NR_access,
	__NR_arch_prctl,
	__NR_getdents,
	__NR_poll,
	__NR_readlink,
	__NR_stat,
#endif
	__NR_bind,
	__NR_brk,
	__NR_clock_gettime,
	__NR_clock_nanosleep,
	__NR_close,
	__NR_connect,
	__NR_dup,
	__NR_dup3,
	__NR_exit_group,
	__NR_faccessat,
	__NR_fcntl,
	__NR_flock,
	__NR_fstat,
	__NR_fstatfs,
	__NR_futex,
	__NR_getdents64,
	__NR_geteuid,
	__NR_getpid,
	__NR_getrandom,
	__NR_getsockname,
	__NR_getsockopt,
	__NR_gettid,
	__NR_getuid,
	__NR_ioctl,
	__NR_lseek,
	__NR_madvise,
	__NR_memfd_create,
	__NR_mmap,
	__NR_mprotect,
	__NR_mremap,
	__NR_munmap,
	__NR_nanosleep,
	__NR_newfstatat,
	__NR_ppoll,
	__NR_pread64,
	__NR_prlimit64,
	__NR_read,
	__NR_readlinkat,
	__NR_recvfrom,
	__NR_recvmsg,
	__NR_rseq,
	__NR_rt_sigaction,
	__NR_rt_sigprocmask,
	__NR_sched_getaffinity,
	__NR_set_robust_list,
	__NR_set_tid_address,
	__NR_setns,
	__NR_setsockopt,
	__NR_socket,
	__NR_statfs,
	__NR_sysinfo,
	__NR_uname,
};

/* What they make is a descriptor's, or nothing. */
static const unsigned harmless_bpf[] = {
	BPF_MAP_CREATE,	       BPF_MAP_LOOKUP_ELEM,  BPF_MAP_GET_NEXT_KEY,
	BPF_PROG_LOAD,	       BPF_OBJ_GET,	     BPF_PROG_TEST_RUN,
	BPF_PROG_GET_FD_BY_ID, BPF_MAP_GET_FD_BY_ID, BPF_OBJ_GET_INFO_BY_FD,
	BPF_PROG_QUERY,	       BPF_BTF_LOAD,	     BPF_MAP_FREEZE,
	BPF_MAP_LOOKUP_BATCH,
};

static void die(const char *what)
{
	fprintf(stderr, "killat: %s: %s\n", what, strerror(errno));
	exit(2);
}

static bool has_effect(const struct ptrace_syscall_info *info)
{
	long nr = (long)info->entry.nr;

	if (nr == __NR_openat)
		return info->entry.args[2] & (O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY));
	if (nr == __NR_bpf) {
		for (unsigned i = 0; i < sizeof(harmless_bpf) / sizeof(harmless_bpf[0]); i++) {
			if (info->entry.args[0] == harmless_bpf[i])
				return false;
		}
		return true;
	}
	for (unsigned i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
		if (nr == harmless[i])
			return false;
	}
	return true;
}

static void become(char **argv)
{
	int null = open("/dev/null", O_WRONLY);

	if (null == -1 || dup2(null, STDOUT_FILENO) == -1 || dup2(null, STDERR_FILENO) == -1 ||
	    ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1)
		_exit(127);
	raise(SIGSTOP);
	execv(argv[0], argv);
	_exit(127);
}

/* Lets it run to the next stop; false when it has ended, with its status. */
static bool go_on(pid_t pid, int *ret_status)
{
	int signal = 0;

	for (;;) {
		if (ptrace(PTRACE_SYSCALL, pid, NULL, (void *)(long)signal) == -1)
			die("ptrace");
		if (waitpid(pid, ret_status, 0) != pid)
			die("waitpid");
		if (WIFEXITED(*ret_status) || WIFSIGNALED(*ret_status))
			return false;
		if (WSTOPSIG(*ret_status) == (SIGTRAP | 0x80))
			return true;
		signal = *ret_status >> 16 ? 0 : WSTOPSIG(*ret_status);
	}
}

static bool look(pid_t pid, struct ptrace_syscall_info *ret_info)
{
	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof(*ret_info), ret_info) == -1)
		die("PTRACE_GET_SYSCALL_INFO");
	return ret_info->op == PTRACE_SYSCALL_INFO_ENTRY;
}

/* Up to the end of its execve. */
static bool start(pid_t pid, int *ret_status)
{
	if (ptrace(PTRACE_CONT, pid, NULL, NULL) == -1 || waitpid(pid, ret_status, 0) != pid)
		die("ptrace");
	return *ret_status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8) && go_on(pid, ret_status);
}

/* Runs it up to where it is to die; false when it has ended before. */
static bool run_to(pid_t pid, unsigned long n, const char *mode, long *ret_nr, int *ret_status)
{
	bool effects = strcmp(mode, "effect") == 0, at_entry = strcmp(mode, "entry") == 0;
	struct ptrace_syscall_info info;

	if (!start(pid, ret_status))
		return false;
	while (n && go_on(pid, ret_status)) {
		if (!look(pid, &info) || (effects && !has_effect(&info)) || --n)
			continue;
		*ret_nr = (long)info.entry.nr;
		return at_entry || go_on(pid, ret_status);
	}
	return false;
}

int main(int argc, char **argv)
{
	unsigned long n = argc > 3 ? strtoul(argv[1], NULL, 10) : 0;
	int status;
	long nr = 0;
	pid_t pid;

	if (!n ||
	    (strcmp(argv[2], "entry") && strcmp(argv[2], "exit") && strcmp(argv[2], "effect"))) {
		fprintf(stderr, "killat: N entry|exit|effect PROGRAM\n");
		return 2;
	}
	pid = fork();
	if (pid == 0)
		become(argv + 3);
	if (pid == -1 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, pid, NULL,
		   (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC)) == -1)
		die("fork");
	if (!run_to(pid, n, argv[2], &nr, &status)) {
		printf("{\"killed\":false,\"code\":%d}\n",
		       WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
		return 0;
	}
	kill(pid, SIGKILL);
	if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status))
		die("kill");
	printf("{\"killed\":true,\"nr\":%ld}\n", nr);
	return 0;
}
