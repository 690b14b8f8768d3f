//! What a network learns from another network, or before its own task.

use methods::{Distillation, Loss, LossInput, Pretext};

use crate::{check_with_gradients, compare, leaf};

#[test]
fn dive_conforms_with_a_teacher_that_gets_no_gradient() {
    compare("dive", |comparison| {
        let fixture = comparison.fixture;
        let (student, teacher) = (leaf(fixture, "student"), leaf(fixture, "teacher"));
        let label_loss = Loss::BalancedSoftmax.forward(&LossInput {
            logits: &student,
            labels: fixture.input("labels"),
            features: &student,
            class_counts: fixture.input("counts"),
            class_weights: None,
            labels_seen: None,
            epoch: 0,
        });
        let distillation = Distillation {
            teacher: String::new(),
            temperature: fixture.hyper("temperature"),
            weight: fixture.hyper("weight"),
            labels_weight: None,
            power: fixture.hyper("power"),
        };
        let value = distillation.blend(&label_loss, &student, &teacher);
        check_with_gradients(comparison, "", &value, &[("student", &student), ("teacher", &teacher)]);
    });
}

#[test]
fn rotation_conforms_pixel_by_pixel() {
    compare("rotation", |comparison| {
        let (posed, labels) = Pretext::Rotation.pose(comparison.fixture.input("images"));
        comparison.check("posed", &posed);
        comparison.check("labels", &labels);
    });
}
