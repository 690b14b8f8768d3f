//! Several grids, one after the other.

use crate::command_line::arguments::GridArguments;
use crate::exit::Exit;
use crate::out;

/// Carries out `verb` for each of `grids` in turn and returns the highest exit code. All of them are read and planned before the first one's
/// turn; one that is refused then is named, and the others have their turn.
///
/// # Errors
/// If a grid cannot be read or planned, or the only one is refused.
pub(super) fn each(
    grids: &[GridArguments],
    verb: impl Fn(&GridArguments) -> anyhow::Result<Exit>,
) -> anyhow::Result<Exit> {
    if let [grid] = grids {
        return verb(grid);
    }
    for grid in grids {
        grid.load()?.runs(&grid.options())?;
    }
    let mut exit = Exit::Finished;
    for (number, grid) in (1..).zip(grids) {
        let name = grid.grid.display();
        out::note(&format!("{name}: grid {number} of {}", grids.len()));
        let ended = verb(grid).unwrap_or_else(|error| {
            out::note(&format!("error: {name}: {error:#}"));
            Exit::of(&error)
        });
        if ended as i32 > exit as i32 {
            exit = ended;
        }
    }
    Ok(exit)
}
