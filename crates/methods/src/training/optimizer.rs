//! SGD with visible momentum over one flat tensor.

use tch::Tensor;

/// SGD with momentum, as in PyTorch: `buffer ← momentum · buffer + gradient + decay · parameter`,
/// `parameter ← parameter − rate · buffer` (no dampening; Nesterov's variant on request).
///
/// All parameters become views of one flat tensor and all gradients views of another, so that a step takes a handful of
/// kernels whatever the network, and the momentum is one tensor of a checkpoint (tch's own optimizers hide theirs).
/// Convolution weights are channels-last in it, the layout that the kernels need.
#[derive(Debug)]
pub struct Sgd {
    parameters: Tensor,
    gradients: Tensor,
    momentum_buffer: Tensor,
    rates: Option<Tensor>, // factors on the learning rate, one per entry; `None`: all 1
    momentum: f64,
    weight_decay: f64,
    nesterov: bool,
}

impl Sgd {
    /// Takes over variables, each with the factor on its learning rate: they keep their values and become views of one
    /// flat tensor.
    pub fn new(variables: &[(Tensor, f64)], momentum: f64, weight_decay: f64) -> Sgd {
        let _no_grad = tch::no_grad_guard();
        let (variables, rates): (Vec<&Tensor>, Vec<f64>) =
            variables.iter().map(|(variable, rate)| (variable, *rate)).unzip();
        let flattened: Vec<Tensor> = variables
            .iter()
            .map(|variable| channels_last(variable).reshape([-1]))
            .collect();
        let parameters = Tensor::cat(&flattened, 0);
        let gradients = parameters.zeros_like();
        create_gradients(&variables);
        let mut offset = 0;
        for variable in &variables {
            variable
                .shallow_clone()
                .set_data(&view_like(variable, &parameters, offset));
            variable.grad().set_data(&view_like(variable, &gradients, offset));
            offset += variable.numel() as i64;
        }
        let momentum_buffer = parameters.zeros_like();
        Sgd {
            rates: flat_rates(&variables, &rates, &parameters),
            parameters,
            gradients,
            momentum_buffer,
            momentum,
            weight_decay,
            nesterov: false,
        }
    }

    /// With Nesterov's momentum: the step is along `gradient + decay · parameter + momentum · buffer`.
    #[must_use]
    pub fn nesterov(self) -> Sgd {
        Sgd { nesterov: true, ..self }
    }

    /// Updates the variables by the accumulated gradients, and clears them.
    pub fn step(&mut self, learning_rate: f64) {
        let _no_grad = tch::no_grad_guard();
        self.gradients += &self.parameters * self.weight_decay;
        self.momentum_buffer *= self.momentum;
        self.momentum_buffer += &self.gradients;
        let direction = if self.nesterov {
            &self.gradients + &self.momentum_buffer * self.momentum
        } else {
            self.momentum_buffer.shallow_clone()
        };
        self.parameters -= match &self.rates {
            None => direction * learning_rate,
            Some(rates) => direction * rates * learning_rate,
        };
        let _ = self.gradients.zero_();
    }

    /// The accumulated gradients of all variables, one flat tensor.
    pub(crate) fn gradients(&self) -> &Tensor {
        &self.gradients
    }

    /// What a checkpoint stores, by name: the momentum buffer, one flat tensor.
    pub fn state(&self) -> impl Iterator<Item = (String, Tensor)> {
        std::iter::once(("optimizer.momentum".to_owned(), self.momentum_buffer.shallow_clone()))
    }
}

/// Variables of four dimensions with channels moved last, `[out, h, w, in]`; others unchanged.
fn channels_last(variable: &Tensor) -> Tensor {
    if variable.dim() == 4 {
        variable.permute([0, 2, 3, 1])
    } else {
        variable.shallow_clone()
    }
}

/// A view of `flat` from `offset` on, in the shape of `variable`.
fn view_like(variable: &Tensor, flat: &Tensor, offset: i64) -> Tensor {
    let part = flat.narrow(0, offset, variable.numel() as i64);
    match variable.size()[..] {
        [out, channels, height, width] => part.view([out, height, width, channels]).permute([0, 3, 1, 2]),
        ref shape => part.view(shape),
    }
}

/// Each entry's rate, laid out as `parameters`; `None` if all are 1, which saves a kernel.
fn flat_rates(variables: &[&Tensor], rates: &[f64], parameters: &Tensor) -> Option<Tensor> {
    let parts = variables.iter().zip(rates).map(|(variable, &rate)| {
        Tensor::full(
            [variable.numel() as i64],
            rate,
            (parameters.kind(), parameters.device()),
        )
    });
    let all_one = rates.iter().all(|&rate| (rate - 1.0).abs() < f64::EPSILON);
    (!all_one).then(|| Tensor::cat(&parts.collect::<Vec<_>>(), 0))
}

/// tch has no setter for a gradient; the backward pass of a sum creates one on each variable.
fn create_gradients(variables: &[&Tensor]) {
    let sum: Tensor = tch::with_grad(|| variables.iter().map(|variable| variable.sum(variable.kind())).sum());
    sum.backward();
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::*;

    /// The recursion by hand, for two parameters, one of them a convolution weight, on a quadratic.
    #[test]
    fn step_is_the_textbook_recursion_and_the_variables_see_it() {
        tch::manual_seed(0);
        let options = (Kind::Double, Device::Cpu);
        let variables = [
            Tensor::randn([2, 3, 3, 3], options).set_requires_grad(true),
            Tensor::randn([5], options).set_requires_grad(true),
        ];
        let mut expected: Vec<(Tensor, Tensor)> = variables
            .iter()
            .map(|variable| (variable.detach().copy(), variable.detach().zeros_like()))
            .collect();
        let pairs = variables.each_ref().map(|variable| (variable.shallow_clone(), 1.0));
        let mut optimizer = Sgd::new(&pairs, 0.9, 0.01);
        for _ in 0..3 {
            let loss: Tensor = variables
                .iter()
                .map(|variable| variable.pow_tensor_scalar(3).sum(Kind::Double))
                .sum();
            loss.backward();
            optimizer.step(0.1);
            for (parameter, buffer) in &mut expected {
                *buffer = &*buffer * 0.9 + parameter.square() * 3.0 + &*parameter * 0.01;
                *parameter = &*parameter - &*buffer * 0.1;
            }
        }
        for (variable, (parameter, _)) in variables.iter().zip(&expected) {
            assert!(variable.allclose(parameter, 1e-12, 1e-12, false));
            assert!(variable.grad().equal(&variable.zeros_like()), "gradients are cleared");
        }
    }

    #[test]
    fn a_factor_on_the_rate_scales_the_steps_of_that_variable_alone() {
        let variables = [1.0, 0.2].map(|rate| {
            let variable = Tensor::ones([3], (Kind::Double, Device::Cpu)).set_requires_grad(true);
            (variable, rate)
        });
        let mut optimizer = Sgd::new(&variables, 0.9, 0.0);
        for (variable, _) in &variables {
            variable.sum(Kind::Double).backward();
        }
        optimizer.step(0.5);
        for (variable, rate) in &variables {
            let expected = Tensor::full([3], 1.0 - 0.5 * rate, (Kind::Double, Device::Cpu));
            assert!(variable.allclose(&expected, 1e-12, 1e-12, false));
        }
    }
}
