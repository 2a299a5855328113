//! The seccomp allow-list of a worker, built for this machine's architecture, and the report of what holds.
//!
//! An allow-list, because kernels grow system calls: what is not named here gets EPERM, so that a tool meets a
//! Python exception and not a dead process. Which layers exist is a question for the worker that tried them.

use crate::SandboxError;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};
use std::collections::BTreeMap;

/// One layer of protection as found on this system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protection {
    /// Its name.
    pub layer: String,
    /// `None` when enforced, else why not.
    pub missing: Option<String>,
}

/// Every layer, enforced or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Protections {
    /// In the order in which they are put up.
    pub layers: Vec<Protection>,
}

impl Protections {
    /// Whether nothing is missing.
    pub fn complete(&self) -> bool {
        self.layers.iter().all(|layer| layer.missing.is_none())
    }

    /// `layer: why` of each one that is missing.
    pub fn missing(&self) -> Vec<String> {
        self.layers
            .iter()
            .filter_map(|layer| layer.missing.as_ref().map(|why| format!("{}: {why}", layer.layer)))
            .collect()
    }
}

/// Calls that a worker needs whatever their arguments.
const FREE: &[libc::c_long] = &[
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_lseek,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_setitimer,
    libc::SYS_clock_gettime,
    libc::SYS_gettimeofday,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_sched_yield,
    libc::SYS_rt_sigreturn,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: TargetArch = TargetArch::x86_64;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: TargetArch = TargetArch::aarch64;

/// The filter as the kernel takes it: 8 bytes an instruction.
pub(crate) fn worker_filter() -> Result<Vec<u8>, SandboxError> {
    let program = build().map_err(|error| SandboxError::Worker {
        doing: "building the system call filter",
        reason: error.to_string(),
    })?;
    let mut bytes = Vec::with_capacity(program.len() * 8);
    for instruction in program {
        bytes.extend_from_slice(&instruction.code.to_ne_bytes());
        bytes.push(instruction.jt);
        bytes.push(instruction.jf);
        bytes.extend_from_slice(&instruction.k.to_ne_bytes());
    }
    Ok(bytes)
}

fn build() -> Result<BpfProgram, seccompiler::BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = FREE.iter().map(|&call| (call, Vec::new())).collect();
    // Memory may be mapped and protected, but never made executable.
    let not_executable = || {
        let executable = u64::from(libc::PROT_EXEC.unsigned_abs());
        SeccompCondition::new(2, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(executable), 0)
            .and_then(|condition| SeccompRule::new(vec![condition]))
    };
    rules.insert(libc::SYS_mmap, vec![not_executable()?]);
    rules.insert(libc::SYS_mprotect, vec![not_executable()?]);
    // A shared worker moves its own soft memory limit; nobody else's and no other one: past its hard CPU limit the
    // kernel would kill a process, and that must not look like a kill from outside.
    let own = SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)?;
    let memory = u64::from(libc::RLIMIT_AS);
    let memory = SeccompCondition::new(1, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, memory)?;
    rules.insert(libc::SYS_prlimit64, vec![SeccompRule::new(vec![own, memory])?]);
    let denied = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    SeccompFilter::new(rules, denied, SeccompAction::Allow, ARCHITECTURE)?.try_into()
}
