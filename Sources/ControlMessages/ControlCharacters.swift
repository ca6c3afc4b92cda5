extension String {
    /// The text without what a terminal would obey, such as colours, titles and movements.
    ///
    /// - Parameter kept: what stays all the same.
    package func replacingControls(by replacement: Unicode.Scalar = "?", except kept: Unicode.Scalar...) -> String {
        let scalars = unicodeScalars.map { scalar in
            scalar.properties.generalCategory == .control && !kept.contains(scalar) ? replacement : scalar
        }
        return String(String.UnicodeScalarView(scalars))
    }
}
