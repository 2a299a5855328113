//! Curves as SVG, for pages and documents: small panels side by side, one legend a panel.
//!
//! Text takes the colour of the page around it, so that a figure reads in light and dark.

use plotters::prelude::*;
use serde::{Deserialize, Serialize};

/// Some panels with a sentence below.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    pub(crate) caption: String,
    pub(crate) panels: Vec<Panel>,
}

/// Curves over one axis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Panel {
    pub(crate) title: String,
    /// What the horizontal axis counts.
    pub(crate) across: String,
    pub(crate) curves: Vec<Curve>,
}

/// One curve, in the order of its points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Curve {
    pub(crate) name: String,
    /// x, y.
    pub(crate) points: Vec<(f64, f64)>,
    /// x, low, high; empty where nothing is said of the spread.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) band: Vec<(f64, f64, f64)>,
}

/// Colours that people with any colour vision tell apart (Okabe and Ito).
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];

/// Stands for the page's colour of text until the figure is drawn.
const INK: RGBColor = RGBColor(1, 2, 3);
const INK_TEXT: &str = "#010203";

const PANEL: (u32, u32) = (320, 230);

/// The ink of a file, which is shown on light and on dark.
const GREY: &str = "#7d8590";

/// A file has to name it; within a page it is known, and a page without addresses is seen at a glance to reach nowhere.
const NAMESPACE: &str = r#" xmlns="http://www.w3.org/2000/svg""#;

impl Figure {
    /// One `<svg>` element for a page, in the colour of its text.
    pub(crate) fn inline(&self) -> anyhow::Result<String> {
        Ok(self.svg()?.replace(INK_TEXT, "currentColor").replace(NAMESPACE, ""))
    }

    /// An SVG file.
    pub(crate) fn file(&self) -> anyhow::Result<String> {
        Ok(self.svg()?.replace(INK_TEXT, GREY))
    }

    fn svg(&self) -> anyhow::Result<String> {
        let count = u32::try_from(self.panels.len().max(1))?;
        let mut svg = String::new();
        {
            let whole = SVGBackend::with_string(&mut svg, (PANEL.0 * count, PANEL.1)).into_drawing_area();
            for (area, panel) in whole.split_evenly((1, self.panels.len().max(1))).iter().zip(&self.panels) {
                panel.draw(area)?;
            }
            whole.present()?;
        }
        Ok(svg)
    }
}

/// Least and most of some numbers, with room around them; 0 to 1 where there are none.
fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values
        .filter(|value| value.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    if low > high {
        return (0.0, 1.0);
    }
    let room = if high > low { 0.05 * (high - low) } else { 0.5 };
    (low - room, high + room)
}

impl Panel {
    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, plotters::coord::Shift>) -> anyhow::Result<()>
    where
        B::ErrorType: 'static,
    {
        let points = || self.curves.iter().flat_map(|curve| &curve.points);
        let bands = || self.curves.iter().flat_map(|curve| &curve.band);
        let (left, right) = bounds(points().map(|point| point.0));
        let heights = points().map(|point| point.1).chain(bands().flat_map(|(_, low, high)| [*low, *high]));
        let (low, high) = bounds(heights);
        let text = |size: u32| ("sans-serif", size).into_font().color(&INK);
        let mut chart = ChartBuilder::on(area)
            .caption(&self.title, text(15))
            .margin(8)
            .x_label_area_size(34)
            .y_label_area_size(44)
            .build_cartesian_2d(left..right, low..high)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_labels(5)
            .y_labels(5)
            .x_desc(&self.across)
            .label_style(text(11))
            .axis_style(INK.mix(0.6))
            .light_line_style(INK.mix(0.0))
            .bold_line_style(INK.mix(0.12))
            .draw()?;
        for (curve, colour) in self.curves.iter().zip(COLOURS.iter().cycle()) {
            if !curve.band.is_empty() {
                let above = curve.band.iter().map(|(x, _, high)| (*x, *high));
                let below = curve.band.iter().rev().map(|(x, low, _)| (*x, *low));
                let outline: Vec<(f64, f64)> = above.chain(below).collect();
                chart.draw_series(std::iter::once(Polygon::new(outline, colour.mix(0.18))))?;
            }
            let line = LineSeries::new(curve.points.iter().copied(), colour.stroke_width(2));
            let colour = *colour;
            chart
                .draw_series(line)?
                .label(&curve.name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 14, y)], colour.stroke_width(2)));
        }
        if self.curves.len() > 1 {
            chart
                .configure_series_labels()
                .label_font(text(11))
                .position(SeriesLabelPosition::LowerRight)
                .legend_area_size(18)
                .draw()?;
        }
        Ok(())
    }
}

/// Means over a window of points, so that a curve shows where it goes.
pub(crate) fn smoothed(points: &[(f64, f64)], window: usize) -> Vec<(f64, f64)> {
    let half = window / 2;
    (0..points.len())
        .map(|at| {
            let near = &points[at.saturating_sub(half)..(at + half + 1).min(points.len())];
            (points[at].0, near.iter().map(|point| point.1).sum::<f64>() / near.len() as f64)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(points: &[(f64, f64)]) -> Figure {
        let curve = |name: &str, points: Vec<(f64, f64)>| {
            let band = points.iter().map(|(x, y)| (*x, y - 0.1, y + 0.1)).collect();
            Curve { name: name.into(), points, band }
        };
        let curves = vec![curve("one <b>", points.to_vec()), curve("two", Vec::new())];
        let panel = Panel { title: "reward & more".into(), across: "step".into(), curves };
        Figure { caption: String::new(), panels: vec![panel.clone(), panel] }
    }

    #[test]
    fn a_figure_is_one_element_in_the_colour_of_the_page() {
        let figure = figure(&[(1.0, 0.1), (2.0, 0.4), (3.0, 0.2)]);
        let (svg, file) = (figure.inline().unwrap(), figure.file().unwrap());
        assert!(file.contains(NAMESPACE) && file.contains(GREY) && !file.contains("currentColor"));
        assert!(!svg.contains("http"), "{svg}");
        assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"), "{svg}");
        assert!(svg.contains("currentColor") && !svg.contains(INK_TEXT));
        assert!(svg.contains("reward &amp; more") && svg.contains("one &lt;b&gt;") && !svg.contains("<b>"));
    }

    #[test]
    fn empty_constant_and_endless_curves_are_drawn_as_far_as_they_go() {
        for points in [vec![], vec![(1.0, 2.0)], vec![(1.0, f64::NAN), (2.0, 1.0)]] {
            figure(&points).svg().unwrap();
        }
    }

    #[test]
    fn smoothing_keeps_the_places_and_the_mean_of_a_line() {
        let points: Vec<(f64, f64)> = (0..9).map(|x| (f64::from(x), 2.0 * f64::from(x))).collect();
        let smooth = smoothed(&points, 3);
        assert_eq!(smooth.len(), 9);
        assert!((smooth[4].1 - 8.0).abs() < 1e-12 && (smooth[0].1 - 1.0).abs() < 1e-12);
    }
}
