def body_mass_index(weight: float, height: float, system: str = "metric") -> dict:
    """
    Calculate the body mass index.

    Parameters
    ----------
    weight : float
        Weight in kilograms, or pounds when system is "imperial".
    height : float
        Height in metres, or inches when system is "imperial".
    system : str
        "metric" (default) or "imperial".

    Returns
    -------
    dict
        With keys bmi, category, healthy_range, or error.
    """
    try:
        weight, height = float(weight), float(height)
    except (TypeError, ValueError):
        return {"error": "weight and height must be numbers"}
    if system == "imperial":
        weight, height = weight * 0.45359237, height * 0.0254
    elif system != "metric":
        return {"error": "system must be 'metric' or 'imperial'"}
    if weight <= 0 or not 0.5 <= height <= 2.8:
        return {"error": "implausible weight or height"}
    bmi = weight / height**2
    if bmi < 18.5:
        category = "underweight"
    elif bmi < 25:
        category = "normal"
    elif bmi < 30:
        category = "overweight"
    else:
        category = "obese"
    low, high = 18.5 * height**2, 24.9 * height**2
    return {"bmi": round(bmi, 1), "category": category, "healthy_range": "{:.1f}-{:.1f} kg".format(low, high)}
