//! Units that values can be converted between: what a traveller or a lab bench meets, with exact factors.
//!
//! A column's unit is text at the end of its name; it takes part here when it is one of these symbols.

/// A unit of measure.
#[derive(Debug, PartialEq)]
pub(crate) struct Unit {
    /// As columns have it, as the tools take it, and as people read it: `km`, `°C`.
    pub(crate) symbol: &'static str,
    /// In English, after a number or after "in": `kilometres`, `degrees Celsius`.
    pub(crate) en: &'static str,
    /// In Chinese: `千米`, `摄氏度`.
    pub(crate) zh: &'static str,
    /// Units of one dimension convert into each other.
    pub(crate) dimension: Dimension,
    /// How many of the dimension's base unit it is.
    pub(crate) factor: f64,
    /// Added after multiplying, to get base units.
    pub(crate) offset: f64,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Dimension {
    Length,
    Area,
    Volume,
    Mass,
    Temperature,
    Duration,
    Speed,
    Energy,
    Pressure,
    Data,
}

impl Dimension {
    /// As a word of a tool's name.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Area => "area",
            Self::Volume => "volume",
            Self::Mass => "mass",
            Self::Temperature => "temperature",
            Self::Duration => "duration",
            Self::Speed => "speed",
            Self::Energy => "energy",
            Self::Pressure => "pressure",
            Self::Data => "data_size",
        }
    }
}

const fn unit(
    symbol: &'static str,
    en: &'static str,
    zh: &'static str,
    dimension: Dimension,
    factor: f64,
    offset: f64,
) -> Unit {
    Unit { symbol, en, zh, dimension, factor, offset }
}

/// All units, each dimension's base unit among them.
pub(crate) const UNITS: &[Unit] = &[
    unit("pm", "picometres", "皮米", Dimension::Length, 1e-12, 0.0),
    unit("ångström", "ångström", "埃", Dimension::Length, 1e-10, 0.0),
    unit("nm", "nanometres", "纳米", Dimension::Length, 1e-9, 0.0),
    unit("mm", "millimetres", "毫米", Dimension::Length, 0.001, 0.0),
    unit("cm", "centimetres", "厘米", Dimension::Length, 0.01, 0.0),
    unit("inches", "inches", "英寸", Dimension::Length, 0.0254, 0.0),
    unit("feet", "feet", "英尺", Dimension::Length, 0.3048, 0.0),
    unit("m", "metres", "米", Dimension::Length, 1.0, 0.0),
    unit("km", "kilometres", "千米", Dimension::Length, 1000.0, 0.0),
    unit("miles", "miles", "英里", Dimension::Length, 1609.344, 0.0),
    unit("m²", "square metres", "平方米", Dimension::Area, 1.0, 0.0),
    unit("hectares", "hectares", "公顷", Dimension::Area, 10_000.0, 0.0),
    unit("km²", "square kilometres", "平方千米", Dimension::Area, 1e6, 0.0),
    unit("square miles", "square miles", "平方英里", Dimension::Area, 2_589_988.110_336, 0.0),
    unit("l", "litres", "升", Dimension::Volume, 0.001, 0.0),
    unit("m³", "cubic metres", "立方米", Dimension::Volume, 1.0, 0.0),
    unit("mg", "milligrams", "毫克", Dimension::Mass, 1e-6, 0.0),
    unit("g", "grams", "克", Dimension::Mass, 0.001, 0.0),
    unit("ounces", "ounces", "盎司", Dimension::Mass, 0.028_349_523_125, 0.0),
    unit("pounds", "pounds", "磅", Dimension::Mass, 0.453_592_37, 0.0),
    unit("kg", "kilograms", "千克", Dimension::Mass, 1.0, 0.0),
    unit("tonnes", "tonnes", "吨", Dimension::Mass, 1000.0, 0.0),
    unit("K", "kelvin", "开尔文", Dimension::Temperature, 1.0, 0.0),
    unit("°C", "degrees Celsius", "摄氏度", Dimension::Temperature, 1.0, 273.15),
    unit("°F", "degrees Fahrenheit", "华氏度", Dimension::Temperature, 5.0 / 9.0, 459.67 * 5.0 / 9.0),
    unit("ms", "milliseconds", "毫秒", Dimension::Duration, 0.001, 0.0),
    unit("seconds", "seconds", "秒", Dimension::Duration, 1.0, 0.0),
    unit("minutes", "minutes", "分钟", Dimension::Duration, 60.0, 0.0),
    unit("hours", "hours", "小时", Dimension::Duration, 3600.0, 0.0),
    unit("days", "days", "天", Dimension::Duration, 86_400.0, 0.0),
    unit("weeks", "weeks", "周", Dimension::Duration, 604_800.0, 0.0),
    unit("km/h", "kilometres per hour", "千米每小时", Dimension::Speed, 1.0 / 3.6, 0.0),
    unit("mph", "miles per hour", "英里每小时", Dimension::Speed, 0.447_04, 0.0),
    unit("m/s", "metres per second", "米每秒", Dimension::Speed, 1.0, 0.0),
    unit("eV", "electronvolts", "电子伏", Dimension::Energy, 1.602_176_634e-19, 0.0),
    unit("kJ", "kilojoules", "千焦", Dimension::Energy, 1000.0, 0.0),
    unit("kcal", "kilocalories", "千卡", Dimension::Energy, 4184.0, 0.0),
    unit("kWh", "kilowatt-hours", "千瓦时", Dimension::Energy, 3.6e6, 0.0),
    unit("hPa", "hectopascals", "百帕", Dimension::Pressure, 100.0, 0.0),
    unit("kPa", "kilopascals", "千帕", Dimension::Pressure, 1000.0, 0.0),
    unit("MPa", "megapascals", "兆帕", Dimension::Pressure, 1e6, 0.0),
    unit("bar", "bar", "巴", Dimension::Pressure, 1e5, 0.0),
    unit("bytes", "bytes", "字节", Dimension::Data, 1.0, 0.0),
    unit("kB", "kilobytes", "千字节", Dimension::Data, 1000.0, 0.0),
    unit("MB", "megabytes", "兆字节", Dimension::Data, 1e6, 0.0),
    unit("GB", "gigabytes", "吉字节", Dimension::Data, 1e9, 0.0),
];

/// Pairs that a person would convert between: near in size, or of another custom.
const PAIRS: &[(&str, &str)] = &[
    ("pm", "ångström"),
    ("ångström", "nm"),
    ("nm", "ångström"),
    ("mm", "inches"),
    ("cm", "inches"),
    ("cm", "feet"),
    ("feet", "m"),
    ("m", "feet"),
    ("km", "miles"),
    ("miles", "km"),
    ("km²", "square miles"),
    ("km²", "hectares"),
    ("l", "m³"),
    ("m³", "l"),
    ("mg", "g"),
    ("g", "ounces"),
    ("g", "pounds"),
    ("kg", "pounds"),
    ("kg", "tonnes"),
    ("pounds", "kg"),
    ("tonnes", "kg"),
    ("K", "°C"),
    ("K", "°F"),
    ("°C", "°F"),
    ("°C", "K"),
    ("°F", "°C"),
    ("ms", "seconds"),
    ("seconds", "minutes"),
    ("minutes", "hours"),
    ("hours", "days"),
    ("hours", "minutes"),
    ("days", "weeks"),
    ("days", "hours"),
    ("km/h", "mph"),
    ("mph", "km/h"),
    ("m/s", "km/h"),
    ("kcal", "kJ"),
    ("kJ", "kcal"),
    ("hPa", "bar"),
    ("kPa", "bar"),
    ("MPa", "bar"),
    ("bytes", "kB"),
    ("kB", "MB"),
    ("MB", "GB"),
    ("GB", "MB"),
];

/// The unit of this symbol.
pub(crate) fn of_symbol(symbol: &str) -> Option<&'static Unit> {
    UNITS.iter().find(|unit| unit.symbol == symbol)
}

/// Units that values in `from` are asked for in.
pub(crate) fn targets(from: &Unit) -> Vec<&'static Unit> {
    PAIRS.iter().filter(|(left, _)| *left == from.symbol).filter_map(|(_, right)| of_symbol(right)).collect()
}

/// All units of a dimension.
pub(crate) fn family(dimension: Dimension) -> Vec<&'static Unit> {
    UNITS.iter().filter(|unit| unit.dimension == dimension).collect()
}

/// A number in another unit, rounded to four decimals, by the same operations in the same order as the tools.
pub(crate) fn convert(value: f64, from: &Unit, to: &Unit) -> f64 {
    crate::numbers::rounded((value * from.factor + from.offset - to.offset) / to.factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions_are_exact_where_the_factor_is() {
        let between =
            |value, from, to| convert(value, of_symbol(from).unwrap(), of_symbol(to).unwrap()).to_string();
        assert_eq!(between(0.0, "°C", "K"), "273.15");
        assert_eq!(between(100.0, "°C", "°F"), "212");
        assert_eq!(between(5.0, "km", "miles"), "3.1069");
        assert_eq!(between(90.0, "minutes", "hours"), "1.5");
    }

    #[test]
    fn every_pair_names_two_units_of_one_dimension() {
        for (from, to) in PAIRS {
            let (from, to) = (of_symbol(from).unwrap(), of_symbol(to).unwrap());
            assert_eq!(from.dimension, to.dimension);
            assert_ne!(from.symbol, to.symbol);
        }
    }
}
