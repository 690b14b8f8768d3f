//! `submit`: a grid as a Slurm job array.
//!
//! Every task of the array executes the same `run` command. A run is claimed by the lock of its directory, so tasks that share a file
//! system divide the grid among themselves, whenever each of them starts. A task that reaches its time limit or is preempted is
//! requeued and resumes its runs from their checkpoints.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

use crate::command_line::quote;
use crate::files::write_whole;

/// The job array to submit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct JobArray {
    /// Shown by `squeue`.
    pub(crate) name: String,
    /// Number of runs that are not finished.
    pub(crate) runs: usize,
    /// Number of runs per task.
    pub(crate) runs_per_task: usize,
    /// GPUs of a task; 0 for the CPU.
    pub(crate) gpus: u16,
    /// Processor cores of a task.
    pub(crate) cores: u16,
    /// Time limit of a task in Slurm's notation.
    pub(crate) time: String,
    /// Other options of `sbatch`, such as `--partition=gpu`.
    pub(crate) options: Vec<String>,
    /// The command of every task.
    pub(crate) command: Vec<OsString>,
}

impl JobArray {
    /// The script for `sbatch`. Tasks write their logs into `out` if it exists, else into the folder the script is submitted from: Slurm
    /// creates no folders, and a job whose log cannot be written fails silently.
    pub(crate) fn script(&self, out: &Path) -> String {
        let tasks = self.runs.div_ceil(self.runs_per_task);
        let gpus = match self.gpus {
            0 => Vec::new(),
            gpus => vec![format!("--gres=gpu:{gpus}")],
        };
        let directives = [
            format!("--job-name={}", self.name.replace(char::is_control, "-")),
            format!("--array=0-{}", tasks.saturating_sub(1)),
            format!("--time={}", self.time),
            format!("--cpus-per-task={}", self.cores),
            format!("--output={}slurm-%A_%a.txt", folder_of_logs(out).unwrap_or_default()),
            "--open-mode=append".to_owned(),
            "--requeue".to_owned(),
            "--signal=B:USR1@60".to_owned(),
        ];
        let lines: Vec<String> = directives
            .iter()
            .chain(&gpus)
            .chain(&self.options)
            .map(|option| format!("#SBATCH {}", quote::directive(option)))
            .collect();
        let command: Vec<String> = self.command.iter().map(quote::shell).collect();
        format!(
            "#!/bin/sh\n{}\n\n\
             # A minute before its time limit the task requeues itself; its runs resume from their checkpoints.\n\
             trap 'scontrol requeue \"${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}\"' USR1\n\
             {} &\nwait $!\n",
            lines.join("\n"),
            command.join(" ")
        )
    }

    /// Writes the script to `out/submit.sh`, submits it with `sbatch`, and returns the output of `sbatch`.
    ///
    /// # Errors
    /// If it cannot be written, or `sbatch` is missing or refuses it.
    pub(crate) fn submit(&self, out: &Path) -> anyhow::Result<String> {
        let path = out.join("submit.sh");
        write_whole(&path, self.script(out))?;
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

/// The folder `out` as the beginning of a log's name, in which `%` begins a pattern and a backslash disables patterns. `None` if the
/// folder is missing or such a name cannot express it.
fn folder_of_logs(out: &Path) -> Option<String> {
    let name = out.to_str().filter(|_| out.is_dir())?;
    let sayable = !name.contains(|letter: char| letter == '\\' || letter.is_control());
    sayable.then(|| format!("{}/", name.replace('%', "%%")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jobs() -> JobArray {
        let command = ["/opt/reproduce", "run", "my grids/a.toml", "--seeds=0,1"];
        JobArray {
            name: "longtail-cifar10-lt".into(),
            runs: 5,
            runs_per_task: 2,
            gpus: 1,
            cores: 2,
            time: "4:00:00".into(),
            options: vec!["--partition=gpu".into()],
            command: command.map(OsString::from).into(),
        }
    }

    #[test]
    fn five_runs_by_two_are_three_tasks_that_type_one_command_and_queue_themselves_again() {
        assert_eq!(
            jobs().script(Path::new("/nowhere/results")),
            "#!/bin/sh\n\
             #SBATCH --job-name=longtail-cifar10-lt\n\
             #SBATCH --array=0-2\n\
             #SBATCH --time=4:00:00\n\
             #SBATCH --cpus-per-task=2\n\
             #SBATCH --output=slurm-%A_%a.txt\n\
             #SBATCH --open-mode=append\n\
             #SBATCH --requeue\n\
             #SBATCH --signal=B:USR1@60\n\
             #SBATCH --gres=gpu:1\n\
             #SBATCH --partition=gpu\n\
             \n\
             # A minute before its time limit the task requeues itself; its runs resume from their checkpoints.\n\
             trap 'scontrol requeue \"${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}\"' USR1\n\
             /opt/reproduce run 'my grids/a.toml' --seeds=0,1 &\n\
             wait $!\n"
        );
    }

    #[test]
    fn names_that_slurm_would_read_otherwise_are_quoted_or_left_out() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let line = |name: &str, option: &str| {
            let out = folder.path().join(name);
            std::fs::create_dir_all(&out).expect("a folder");
            let jobs = JobArray {
                name: name.to_owned(),
                ..jobs()
            };
            let script = jobs.script(&out).replace(&folder.path().display().to_string(), "");
            let line = script.lines().find(|line| line.contains(option)).map(str::to_owned);
            line.expect("each option has a line")
        };
        assert_eq!(
            line("my runs 50%_a", "--output"),
            "#SBATCH --output='/my runs 50%%_a/slurm-%A_%a.txt'"
        );
        assert_eq!(line("plain", "--output"), "#SBATCH --output=/plain/slurm-%A_%a.txt");
        assert_eq!(line("it's", "--output"), r"#SBATCH --output='/it\'s/slurm-%A_%a.txt'");
        assert_eq!(line("back\\slash", "--output"), "#SBATCH --output=slurm-%A_%a.txt");
        assert_eq!(line("two\nlines", "--output"), "#SBATCH --output=slurm-%A_%a.txt");
        assert_eq!(line("my grid", "--job-name"), "#SBATCH --job-name='my grid'");
        assert_eq!(line("two\nlines", "--job-name"), "#SBATCH --job-name=two-lines");
    }
}
