//! What a shell and `man` know of the program.

use anyhow::Context;
use clap::CommandFactory;
use clap_complete::Shell;

use crate::command_line::arguments::Arguments;
use crate::exit::Exit;
use crate::out;

/// Prints a script that completes verbs and options in `shell`.
pub(crate) fn completions(shell: Shell) -> anyhow::Result<Exit> {
    let mut command = Arguments::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    out::result(&String::from_utf8(script)?)?;
    Ok(Exit::Finished)
}

/// Prints the manual page: the program, then every verb.
pub(crate) fn man() -> anyhow::Result<Exit> {
    let mut command = Arguments::command().disable_help_subcommand(true);
    command.build(); // subcommands then know the program's name
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        let title = verb.get_name().to_uppercase();
        let of_verb = clap_mangen::Man::new(verb.clone());
        page.extend(format!(".SH \"{title}\"\n").bytes());
        of_verb.render_description_section(&mut page)?;
        of_verb.render_options_section(&mut page)?;
    }
    let page = String::from_utf8(page).context("help is text")?;
    // The sections of a verb belong under its title.
    let (program, verbs) = page.split_once(".SH \"RUN\"").context("there is a verb `run`")?;
    let verbs = verbs
        .replace(".SH DESCRIPTION\n", "")
        .replace(".SH OPTIONS\n", ".SS Options\n");
    out::result(&format!("{program}.SH \"RUN\"{verbs}"))?;
    Ok(Exit::Finished)
}
