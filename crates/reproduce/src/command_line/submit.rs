//! Submit: a grid as a job array of Slurm.
//!
//! Every task of the array types the same `run` command: a run is claimed by the lock of its directory, so tasks that share
//! the results' file system divide the grid among themselves, whenever each of them starts. A task that is out of time or
//! preempted is queued again and goes on from its runs' checkpoints.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

use crate::results::write_whole;

/// The job array that a person asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct JobArray {
    /// Shown by `squeue`.
    pub(crate) name: String,
    /// Runs that are not finished.
    pub(crate) runs: usize,
    /// Runs that one task is there for.
    pub(crate) runs_per_task: usize,
    /// GPUs of a task; 0 for the CPU.
    pub(crate) gpus: u16,
    /// Processor cores of a task.
    pub(crate) cores: u16,
    /// Time limit of a task, as Slurm writes it.
    pub(crate) time: String,
    /// Other options of `sbatch`, such as `--partition=gpu`.
    pub(crate) options: Vec<String>,
    /// What every task types.
    pub(crate) command: Vec<String>,
}

impl JobArray {
    /// The script for `sbatch`; tasks write their logs into `out`.
    pub(crate) fn script(&self, out: &Path) -> String {
        let tasks = self.runs.div_ceil(self.runs_per_task);
        let gpus = match self.gpus {
            0 => Vec::new(),
            gpus => vec![format!("--gres=gpu:{gpus}")],
        };
        let directives = [
            format!("--job-name={}", self.name),
            format!("--array=0-{}", tasks.saturating_sub(1)),
            format!("--time={}", self.time),
            format!("--cpus-per-task={}", self.cores),
            format!("--output={}/slurm-%A_%a.txt", out.display()),
            "--open-mode=append".to_owned(),
            "--requeue".to_owned(),
            "--signal=B:USR1@60".to_owned(),
        ];
        let lines: Vec<String> = directives
            .iter()
            .chain(&gpus)
            .chain(&self.options)
            .map(|directive| format!("#SBATCH {directive}"))
            .collect();
        let command: Vec<String> = self.command.iter().map(|word| quoted(word)).collect();
        format!(
            "#!/bin/sh\n{}\n\n\
             # A minute before its time is over the task queues itself again; its runs go on from their checkpoints.\n\
             trap 'scontrol requeue \"${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}\"' USR1\n\
             {} &\nwait $!\n",
            lines.join("\n"),
            command.join(" ")
        )
    }

    /// Writes the script to `out/submit.sh`, hands it to `sbatch`, and returns what that says.
    ///
    /// # Errors
    /// If it cannot be written, or `sbatch` is not here or refuses it.
    pub(crate) fn submit(&self, out: &Path) -> anyhow::Result<String> {
        let path = out.join("submit.sh");
        write_whole(&path, &self.script(out))?;
        let sbatch = Command::new("sbatch").arg(&path).output().with_context(|| {
            format!(
                "cannot start sbatch; submit {} by hand on a machine that has Slurm",
                path.display()
            )
        })?;
        if !sbatch.status.success() {
            let said = String::from_utf8_lossy(&sbatch.stderr);
            bail!("sbatch refuses {}: {}", path.display(), said.trim());
        }
        Ok(String::from_utf8_lossy(&sbatch.stdout).trim().to_owned())
    }
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./,:=+".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_runs_by_two_are_three_tasks_that_type_one_command_and_queue_themselves_again() {
        let jobs = JobArray {
            name: "longtail-cifar10-lt".into(),
            runs: 5,
            runs_per_task: 2,
            gpus: 1,
            cores: 2,
            time: "4:00:00".into(),
            options: vec!["--partition=gpu".into()],
            command: ["/opt/reproduce", "run", "my grids/a.toml", "--seeds", "0,1"]
                .map(str::to_owned)
                .into(),
        };
        assert_eq!(
            jobs.script(Path::new("/data/results")),
            "#!/bin/sh\n\
             #SBATCH --job-name=longtail-cifar10-lt\n\
             #SBATCH --array=0-2\n\
             #SBATCH --time=4:00:00\n\
             #SBATCH --cpus-per-task=2\n\
             #SBATCH --output=/data/results/slurm-%A_%a.txt\n\
             #SBATCH --open-mode=append\n\
             #SBATCH --requeue\n\
             #SBATCH --signal=B:USR1@60\n\
             #SBATCH --gres=gpu:1\n\
             #SBATCH --partition=gpu\n\
             \n\
             # A minute before its time is over the task queues itself again; its runs go on from their checkpoints.\n\
             trap 'scontrol requeue \"${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}\"' USR1\n\
             /opt/reproduce run 'my grids/a.toml' --seeds 0,1 &\n\
             wait $!\n"
        );
    }
}
